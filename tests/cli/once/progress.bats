# SPDX-License-Identifier: MIT
# --progress, --json, SIGUSR1: how far a copy is, for people and for programs.
load ../lib
load ../net_lib

# A copy that takes some two seconds, and long enough for a line each second.
slow_tree() {
	mkdir -p src/a/b
	head -c 600000 /dev/zero | tr '\0' x >src/large
	printf 1 >src/a/1
	printf 2 >src/a/b/2
}

@test "--json: objects only, an entry each, and all counts at the end" {
	mkdir -p src/d dst/$'\xff'
	printf x >src/f
	printf y >$'src/"\\\n\xc3\xa9'
	printf z >$'src/\xff'
	ln -s f src/l
	run -23 --separate-stderr us -i --json src dst
	jsonl <<<"$output"
	[[ $output == *'"type":"copied","path":"src/f","name":"f","mode":"100644","changes":["new","content"]}'* ]]
	[[ $output == *'"name":"\"\\\u000a\u00e9"'* ]]
	[[ $output == *'"type":"copied","path":"src/l","name":"l",'*'"target":"f"}'* ]]
	[[ $output == *'{"type":"failed","path_base64":"ZHN0L/8=","name_base64":"/w==","what":"replace",'* ]]
	[[ ${lines[-1]} == '{"type":"summary","end":"complete","files":2,"directories":2,"symlinks":1,'*'"failed":1,'* ]]
	[[ ${lines[-1]} == *'"found":6,"unlisted":0,'* ]]
	[[ $stderr == 'uring-sync: dst/\377: replace: '* ]]
}

@test "--json without -v or -i: failures and the summary alone" {
	mkdir -p src dst/f
	printf x >src/f
	printf x >src/g
	run -23 --separate-stderr us --json --stats --quiet src dst
	jsonl <<<"$output"
	[ "${#lines[@]}" -eq 2 ]
	[[ ${lines[0]} == '{"type":"failed",'* ]]
	[[ ${lines[1]} == '{"type":"summary","end":"complete",'* ]]
	run -1 --separate-stderr us --json none dst
	jsonl <<<"$output"
	[[ $output == '{"type":"fatal","what":"none: '*'","errno":2}' ]]
}

@test "--json: deletions, a dry run, and the differences of verify" {
	mkdir -p src dst/old
	printf x >src/f
	printf x >dst/gone
	run -0 --separate-stderr us --json -n -v --delete src dst
	jsonl <<<"$output"
	[[ $output == *'"type":"deleted","path":"dst/gone","name":"gone","directory":false}'* ]]
	[[ $output == *'"type":"deleted","path":"dst/old","name":"old","directory":true}'* ]]
	run -23 us verify --json src dst
	jsonl <<<"$output"
	[[ ${lines[-1]} == *'"differences":'[3-9]'}' ]]
	run -0 us --delete --quiet src dst
	run -0 us verify --json src dst
	[[ ${lines[-1]} == *'"differences":0}' ]]
}

@test "--json: counts each second, that never go back" {
	slow_tree
	run -0 us --json --bwlimit=250K -j 1 src dst
	jsonl <<<"$output"
	[[ ${lines[0]} == '{"type":"progress",'* ]]
	[[ ${lines[1]} == '{"type":"progress",'* ]]
	last=0
	for line in "${lines[@]}"; do
		bytes=$(grep -oE '"bytes":[0-9]+' <<<"$line" | cut -d: -f2)
		[ "$bytes" -ge "$last" ]
		last=$bytes
	done
	[ "$last" -eq 600002 ]
	same_tree src dst
}

@test "found is all that there is, whatever becomes of it" {
	need_user
	as_user sh -c 'mkdir -p src/d/e src/closed/in src/excluded/x; echo 1 >src/d/e/1; echo 2 >src/d/2; echo 3 >src/3.o; ln src/d/2 src/d/link'
	chmod 0000 src/closed
	run -23 --separate-stderr us_user -a --json --exclude '*.o' --exclude excluded src dst
	# src d d/e closed excluded; e/1 2 link 3.o.  What could not be read is a failure and no directory besides.
	[[ ${lines[-1]} == *'"directories":3,'*'"failed":1,'* ]]
	[[ ${lines[-1]} == *'"found":9,"unlisted":0,'* ]]
	chmod 0755 src/closed
	printf 1 >one
	run -0 us --json src/d one dst
	[[ ${lines[-1]} == *'"found":6,"unlisted":0,'* ]]
	printf 'd/2\0' >list
	run -0 us --json --files-from=list -0 src dst2
	[[ ${lines[-1]} == *'"found":3,"unlisted":0,'* ]]
}

@test "--progress: a line each second where it is asked for always, none where there is no terminal" {
	slow_tree
	run -0 --separate-stderr us --progress=always --bwlimit=250K -j 1 src dst
	[ "$(grep -cE '^[0-9]+ of [0-9]+\+? entries(, | \([0-9]+%\), )[0-9.]+ [KM]iB, ' <<<"$stderr")" -ge 2 ]
	[[ $stderr != *$'\r'* ]]
	[[ $output != *' entries'* ]]
	rm -r dst
	head -c 100 src/large >src/small
	mv src/small src/large
	for when in --progress --progress=auto --progress=never ''; do
		run -0 --separate-stderr us $when --bwlimit=1K src dst
		[ -z "$stderr" ]
	done
	run -2 --separate-stderr us --progress=maybe src dst
	[[ $stderr == *"--progress: 'maybe' is not valid: one of never, auto, always"* ]]
	run -2 us --json=yes src dst
}

@test "--progress on a terminal: one line, taken away at the end" {
	slow_tree
	# script(1) gives it a terminal.
	script -qec "'$US_BIN' ${US_ARGS:-} --progress --bwlimit=250K -j 1 src dst" typescript >screen </dev/null
	grep -q $'\r[0-9]* of [0-9]*.* left\033\[K' screen
	# The summary stands in a line of its own.
	grep -qE $'\r\033\\[K4? ?[0-9]* files, ' screen
	same_tree src dst
}

# large_told: the lines of --progress and --json are those of one file of 900,000 bytes that is on its way.
large_told() {
	local done last=0 nr=0
	grep -qE ' [1-9][0-9]?% of 878\.9 KiB, ' <<<"$stderr"
	for done in $(grep -oE '"large_size":900000,"large_done":[0-9]+' <<<"$output" | cut -d: -f3); do
		[ "$done" -ge "$last" ]
		[ "$done" -le 900000 ]
		last=$done
		nr=$((nr + 1))
	done
	[ $nr -ge 2 ]
	[ "$last" -gt 0 ]
	[[ ${lines[-1]} == *'"type":"summary"'* ]]
	[[ ${lines[-1]} != *large_size* ]]
}

@test "a large file that is all there is: how far it has come, on this machine and to another" {
	mkdir src
	head -c 900000 /dev/urandom >src/large
	run -0 --separate-stderr us --progress=always --json --bwlimit=300K --large=128K src dst
	large_told
	cmp src/large dst/large
	make_key
	start_recv there --secret-file key
	run -0 --separate-stderr us send --progress=always --json --bwlimit=300K --large=128K src "127.0.0.1:$PORT" --secret-file key
	large_told
	cmp src/large there/large
}

@test "SIGUSR1 asks how far it is, and stops nothing" {
	slow_tree
	"$US_BIN" ${US_ARGS:-} --bwlimit=250K -j 1 src dst >out 2>err 3>&- &
	pid=$!
	while [ ! -e dst/large ]; do kill -0 $pid; done
	kill -USR1 $pid
	while [ ! -s err ]; do
		kill -0 $pid
		sleep 0.02
	done
	kill -USR1 $pid
	wait $pid
	[ "$(grep -cE '^uring-sync: [0-9]+ of [0-9]+\+? entries' err)" -ge 1 ]
	[ -z "$(grep -vE '^uring-sync: [0-9]+ of [0-9]+\+? entries' err)" ]
	grep -q '^3 files, ' out
	same_tree src dst
}

@test "between machines the sender knows how much there is, and the receiver what has come" {
	slow_tree
	make_key
	start_recv dst --secret-file key --progress=always --json --bwlimit=250K
	run -0 --separate-stderr us send src "127.0.0.1:$PORT" --secret-file key --progress=always --json -j 1
	jsonl <<<"$output"
	[[ ${lines[-1]} == *'"found":6,"unlisted":0,'* ]]
	[ "$(grep -cE '^[0-9]+ of [0-9]+\+? entries(, | \([0-9]+%\), )[0-9.]+ ' <<<"$stderr")" -ge 2 ]
	[ -z "$(grep ' entries, ' <<<"$stderr" | grep -vE '^[0-9]+ of [0-9]+\+ entries, ')" ]
	same_tree src dst
	stop_recv
	jsonl <recv.out
	[ "$(grep -c '"type":"progress"' recv.out)" -ge 2 ]
	run ! grep -E '"(found|unlisted)"' recv.out
	grep -q '"type":"summary","end":"complete","files":3,"directories":3,' recv.out
	# Each line: no total, no share, no time left.
	[ "$(grep -cE '^[0-9]+ entries, [0-9.]+ (bytes|KiB|MiB), [0-9]+ entries/s, [0-9.]+ (bytes|KiB|MiB)/s, [0-9]+:[0-9]+$' recv.err)" -ge 2 ]
	run ! grep -E ' of |%| left' recv.err
}
