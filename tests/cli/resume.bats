# SPDX-License-Identifier: MIT
# --resume and --fsync: what a run that was stopped leaves, and what the next one makes of it.
load lib

# mixed_tree DIR: small files, and two that are large enough to be gone on with.
mixed_tree() {
	small_tree "$1" 20 20
	head -c 20M /dev/urandom >"$1/large"
	head -c 17M /dev/urandom >"$1/dir-1/large too"
}

# Bytes that the process PID has asked to be written.
written() {
	awk '$1 == "wchar:" {print $2}' "/proc/$1/io"
}

# kill_after SECONDS ARGS...: run the program and kill it then; adds to $total what it has written.  Returns 1 when it
# came to its end before.
kill_after() {
	local seconds=$1 pid bytes
	shift
	# shellcheck disable=SC2086
	"$US_BIN" ${US_ARGS:-} "$@" >out 2>err 3>&- &
	pid=$!
	sleep "$seconds"
	kill -STOP $pid 2>/dev/null || true
	bytes=$(written $pid 2>/dev/null || true)
	kill -KILL $pid 2>/dev/null || true
	status=0
	wait $pid 2>/dev/null || status=$?
	total=$((total + ${bytes:-0}))
	[ "$status" -eq 137 ] || { echo "status $status: $(cat out err)"; return 1; }
}

@test "a run that nothing stopped leaves a journal that says so, and another begins anew" {
	mixed_tree src
	run -0 us -a --resume=journal src dst
	same_archive src dst
	no_temporaries dst
	size=$(stat -c %s journal)
	[ "$(mode_of journal)" = 600 ]
	# 16 bytes a file, and little else.
	[ "$size" -le $((402 * 16 + 2000)) ]
	run -0 us -a --resume=journal src dst
	[ "$(summary unchanged)" = 402 ]
	same_archive src dst
}

@test "killed at many moments: the copy is whole in the end, and little is written twice" {
	mixed_tree src
	tree=$(du -sb --apparent-size src | cut -f1)
	total=0
	# Slow enough that it does not end before.  US_KILLS=200 is the full length.
	kills=${US_KILLS:-25}
	rate=$((tree * 2 / kills))
	for ((n = 0; n < kills; n++)); do
		kill_after "0.$(printf %03d $((20 + RANDOM % 160)))" -a --bwlimit=$rate --resume=journal src dst
	done
	run -0 us -a --resume=journal src dst
	total=$((total + $(summary bytes)))
	same_archive src dst
	no_temporaries dst
	echo "# $kills kills, $total bytes written for $tree" >&3
	[ "$total" -le $((tree * 12 / 10)) ]
}

@test "a large file is gone on with where it was stopped, and stands under its name when it is whole" {
	mkdir src
	head -c 40M /dev/urandom >src/large
	total=0
	kill_after 1 --bwlimit=10M --resume=journal src dst
	[ ! -e dst/large ]
	part=$(find dst -name '.uring-sync.*.*')
	size=$(stat -c %s "$part")
	[ "$size" -ge 1000000 ]
	run -0 us --resume=journal src dst
	cmp src/large dst/large
	no_temporaries dst
	[ "$(summary bytes)" = $((40 * 1024 * 1024 - size)) ]
}

@test "interrupted, too; and what it replaces stays until then" {
	mkdir src dst
	head -c 40M /dev/urandom >src/large
	printf old >dst/large
	# shellcheck disable=SC2086
	"$US_BIN" ${US_ARGS:-} --bwlimit=10M --resume=journal src dst >out 2>err 3>&- &
	pid=$!
	sleep 1
	kill -INT $pid
	status=0
	wait $pid || status=$?
	[ "$status" -eq 130 ]
	[ "$(cat dst/large)" = old ]
	run -0 us --resume=journal src dst
	cmp src/large dst/large
	[ "$(summary bytes)" -lt $((40 * 1024 * 1024)) ]
	no_temporaries dst
}

@test "a source that changed meanwhile is copied from its start, and its part is removed" {
	mkdir -p src/d
	head -c 40M /dev/urandom >src/d/large
	total=0
	kill_after 1 --bwlimit=10M --resume=journal src dst
	head -c 20M /dev/urandom >src/d/large
	touch -d 2001-01-01 src/d
	run -0 us --resume=journal src dst
	same_tree src dst
	[ "$(summary bytes)" = $((20 * 1024 * 1024)) ]
	no_temporaries dst
	# The same when it is gone.
	kill_after 1 --bwlimit=10M --ignore-times --resume=journal src dst
	rm src/d/large
	touch -d 2001-01-01 src/d
	run -0 us --resume=journal --delete src dst
	same_tree src dst
	no_temporaries dst
}

@test "a part that someone else has changed or linked is not gone on with" {
	mkdir src
	head -c 40M /dev/urandom >src/large
	for harm in 'cp --remove-destination src/other' 'ln -f src/other'; do
		rm -rf dst journal
		total=0
		kill_after 1 --bwlimit=10M --resume=journal src dst
		part=$(find dst -name '.uring-sync.*.*')
		head -c 30M /dev/zero >src/other
		$harm "$part"
		rm -f src/other.kept
		mv src/other stranger
		run -0 us --resume=journal src dst
		same_tree src dst
		rm -f "$part"
	done
}

@test "what the journal calls complete is not read again, whatever the rule" {
	small_tree src 4 25
	us --quiet --resume=journal src dst
	# As if it had been killed before the end.
	truncate -s -32 journal
	run -0 us --ignore-times --resume=journal src dst
	[ "$(summary unchanged)" = 100 ]
	[ "$(summary bytes)" = 0 ]
	# But what was changed in the destination since is.
	truncate -s -32 journal
	find dst -type f | head -n 1 | xargs touch -d 2001-01-01
	run -0 us --ignore-times --resume=journal src dst
	[ "$(summary files)" = 1 ]
	same_tree src dst
}

@test "a torn tail is cut off, at every length" {
	small_tree src 2 4
	us --quiet --resume=journal src dst
	size=$(stat -c %s journal)
	cp journal whole
	for ((cut = 1; cut < size; cut += 3)); do
		cp whole journal
		truncate -s "$cut" journal
		us --quiet --resume=journal src dst
		# Blocks that were never written are zeros after a crash of the machine.
		cp whole journal
		truncate -s "$cut" journal
		truncate -s "$size" journal
		us --quiet --resume=journal src dst
	done
	same_tree src dst
}

@test "a journal that was damaged is refused, wherever that is" {
	small_tree src 2 4
	us --quiet --resume=journal src dst
	size=$(stat -c %s journal)
	cp journal whole
	# All but the last block, whose damage can't be told from a torn tail: that is cut off.
	for ((at = 0; at < size - 32; at += 5)); do
		cp whole journal
		byte=$(dd if=whole bs=1 skip=$at count=1 status=none | od -An -tu1)
		# shellcheck disable=SC2059
		printf "\\$(printf %o $((byte ^ 16)))" | dd of=journal bs=1 seek=$at conv=notrunc status=none
		before=$(sha256sum <journal)
		run -1 --separate-stderr us --quiet --resume=journal src dst
		[[ $stderr == 'uring-sync: journal: is '*'remove it'* || $stderr == *'is no journal of uring-sync'* ]]
		[ "$(sha256sum <journal)" = "$before" ]
	done
}

@test "what is no journal, or another copy's, is refused and left as it is" {
	small_tree src 2 2
	mkdir src2
	printf 'dear diary' >diary
	run -1 --separate-stderr us --resume=diary src dst
	[[ $stderr == *'diary: is no journal of uring-sync, and is left as it is; name another file' ]]
	[ "$(cat diary)" = 'dear diary' ]
	mkdir directory
	run -1 --separate-stderr us --resume=directory src dst
	[[ $stderr == *'directory: open journal: Is a directory' ]]
	mkfifo fifo
	run -1 us --resume=fifo src dst
	printf 'uring-sync journal 7\nlater' >later
	run -1 --separate-stderr us --resume=later src dst
	[[ $stderr == *'later: is a journal of another version of uring-sync'* ]]
	us --quiet --resume=journal src dst
	truncate -s -32 journal
	for other in '-a src dst' '--fsync src dst' 'src2 dst' 'src dst2' '--chmod=go-rwx src dst'; do
		# shellcheck disable=SC2086
		run -1 --separate-stderr us --resume=journal $other
		[[ $stderr == *"journal: is the journal of another copy: it is of '"*"', this is '"*"'; name another file, or remove it" ]]
	done
	# Options that change nothing about what a complete file is are no other copy.
	run -0 us --resume=journal -j 2 -v --delete ./src/ "$T/dst"
}

@test "a journal can have one user at a time, and one that can't be written costs the exit code" {
	small_tree src 2 4
	run -0 us --resume=journal src dst
	flock journal "$US_BIN" --version >/dev/null
	# shellcheck disable=SC2016
	run -1 --separate-stderr flock journal sh -c '"$US_BIN" --resume=journal src dst'
	[[ $stderr == *'journal: another uring-sync is using it' ]]
	run -1 --separate-stderr us --resume=none/journal src dst
	[[ $stderr == *'none/journal: open journal: No such file or directory' ]]
	need_fault
	run -23 --separate-stderr us_fault append:ENOSPC@3+ --resume=journal2 src dst2
	[[ $stderr == *'journal2: write journal: No space left on device' ]]
	same_tree src dst2
	[ "$(summary failed)" = 1 ]
}

@test "no dry run touches the journal" {
	small_tree src 2 4
	run -0 us --dry-run --resume=journal src dst
	[ ! -e journal ]
}

@test "--fsync: what the journal does not tell is copied again, what it tells is not" {
	small_tree src 4 25
	us --quiet --fsync --resume=journal src dst
	cp journal whole
	# As if the machine had stopped before anything was brought to the disk: the head alone.
	size=$(stat -c %s journal)
	truncate -s $((size - 32 - 32 - 1600)) journal
	printf damaged | dd of="$(find dst -type f | head -n 1)" conv=notrunc status=none
	find src -type f | while read -r f; do touch -r "$f" "dst/${f#src/}"; done
	run -0 us --fsync --resume=journal src dst
	[ "$(summary files)" = 100 ]
	diff -r src dst
	truncate -s -32 journal
	run -0 us --fsync --resume=journal src dst
	[ "$(summary unchanged)" = 100 ]
}

@test "--fsync: what can't be brought to the disk stops the run, and is told" {
	need_fault
	small_tree src 2 4
	run -1 --separate-stderr us_fault syncfs:EIO+ --fsync src dst
	[[ $stderr == *'dst: bring it to the disk (copy it again with --ignore-times): Input/output error' ]]
	run -1 --separate-stderr us_fault syncfs:EIO+ --fsync --resume=journal src dst
	[[ $stderr == *'dst: bring it to the disk: Input/output error' ]]
	# Nothing was called complete.
	run -0 us --fsync --resume=journal src dst
	[ "$(summary files)" = 8 ]
	run -23 --separate-stderr us_fault fdatasync:EIO+ --fsync --resume=journal2 src dst
	[[ $stderr == *'journal2: write journal: Input/output error' ]]
}

@test "temporary files that a killed run left are removed by the next, and nothing else is" {
	mkdir -p src/d dst/d
	for n in 1 2 3; do
		head -c 3M /dev/urandom >"src/d/$n"
		printf old >"dst/d/$n"
	done
	touch dst/.uring-sync.conf dst/.uring-sync.0123456789abcdef dst/.uring-sync.0123456789abcdeg.0.1
	total=0
	kill_after 0.5 --bwlimit=2M src dst
	[ -n "$(find dst/d -name '.uring-sync.*')" ]
	[ -e dst/.uring-sync.run ]
	touch -d 2001-01-01 src
	run -0 us src dst
	[ -z "$(find dst/d -name '.uring-sync.*')" ]
	[ "$(ls -A dst)" = $'.uring-sync.0123456789abcdef\n.uring-sync.0123456789abcdeg.0.1\n.uring-sync.conf\nd' ]
	rm dst/.uring-sync.*
	touch -r src dst
	same_tree src dst
	# In a temporary directory.
	mkdir temp
	rm dst/d/*
	for n in 1 2 3; do
		printf old >"dst/d/$n"
	done
	kill_after 0.5 --bwlimit=2M --temp-dir=../temp src dst
	[ -n "$(ls -A temp)" ]
	run -0 us --temp-dir=../temp src dst
	[ -z "$(ls -A temp)" ]
	same_tree src dst
}

# begin_slow DIR ARGS...: begin a run that takes seconds, and stop it (SIGSTOP) when there is a temporary file below DIR that was not
# there before.  Sets slow_pid, and temps to what there is of it.
begin_slow() {
	local dir=$1 old i
	shift
	old=$(find "$dir" -name '.uring-sync.*.*' | sort)
	# shellcheck disable=SC2086
	"$US_BIN" ${US_ARGS:-} --bwlimit=1M "$@" >"$T/slow.out" 2>"$T/slow.err" 3>&- &
	slow_pid=$!
	for ((i = 0; i < 2000; i++)); do
		kill -STOP "$slow_pid"
		temps=$(comm -13 <(printf '%s\n' "$old") <(find "$dir" -name '.uring-sync.*.*' | sort))
		[ -z "$temps" ] || return 0
		kill -CONT "$slow_pid"
		sleep 0.01
	done
	return 1
}

# The run that begin_slow began is killed: what it has made is left over.
end_killed() {
	kill -KILL "$slow_pid"
	wait "$slow_pid" || true
	slow_pid=
	dead=$temps
}

# It goes on to its end, and nothing has disturbed it.
end_well() {
	kill -CONT "$slow_pid"
	status=0
	wait "$slow_pid" || status=$?
	slow_pid=
	[ "$status" -eq 0 ] || { cat "$T/slow.err"; return 1; }
}

teardown() {
	[ -z "${slow_pid:-}" ] || kill -KILL "$slow_pid" || true
	leave_test
}

# all_there NAMES, none_there NAMES: files, one a line.
all_there() {
	local name
	while read -r name; do
		[ -e "$name" ] || { echo "is gone: $name"; return 1; }
	done <<<"$1"
}

none_there() {
	local name
	while read -r name; do
		[ ! -e "$name" ] || { echo "is there: $name"; return 1; }
	done <<<"$1"
}

# slow_tree SRC DST [NAME]: a file in the directory d of SRC that takes a while to replace what DST has of it.
slow_tree() {
	mkdir -p "$1/d" "$2/d"
	head -c 2M /dev/urandom >"$1/d/${3:-slow}"
	printf old >"$2/d/${3:-slow}"
}

@test "temporary files of a run that lives are spared by one into a directory above, those of a dead one are not" {
	slow_tree above/sub dst/sub other
	slow_tree src dst/sub
	begin_slow dst above dst
	end_killed
	begin_slow dst src dst/sub
	run -0 us -v above dst
	none_there "$dead"
	all_there "$temps"
	[[ $output == *"removed what an earlier run had left: ${dead##*/}"* ]]
	[ -e dst/sub/.uring-sync.run ]
	[ ! -e dst/.uring-sync.run ]
	cmp above/sub/d/other dst/sub/d/other
	end_well
	cmp src/d/slow dst/sub/d/slow
	no_temporaries dst
}

@test "and by one into a directory below" {
	slow_tree below dst/sub other
	slow_tree src/sub dst/sub
	begin_slow dst below dst/sub
	end_killed
	begin_slow dst src dst
	run -0 us below dst/sub
	none_there "$dead"
	all_there "$temps"
	end_well
	cmp below/d/other dst/sub/d/other
	cmp src/sub/d/slow dst/sub/d/slow
	no_temporaries dst
}

@test "and by one that deletes what its source does not have, with the mark that they are found by" {
	slow_tree src dst/sub
	mkdir -p empty/sub/d
	touch dst/sub/d/extra dst/sub/extra
	begin_slow dst src dst/sub
	run -0 us --delete empty dst
	all_there "$temps"
	[ -e dst/sub/.uring-sync.run ]
	none_there $'dst/sub/d/extra\ndst/sub/extra'
	# Where their directory is to go, too.
	rm -r empty/sub
	run -0 us --delete empty dst
	all_there "$temps"
	[ -e dst/sub/.uring-sync.run ]
	end_well
	cmp src/d/slow dst/sub/d/slow
	no_temporaries dst
	run -0 us --delete empty dst
	[ -z "$(ls -A dst)" ]
}

@test "and in a temporary directory, by others that use it" {
	mkdir temp
	slow_tree other dst1
	slow_tree src dst2
	begin_slow temp --temp-dir="$T/temp" other dst1
	end_killed
	begin_slow temp --temp-dir="$T/temp" src dst2
	run -0 us --temp-dir="$T/temp" other dst1
	none_there "$dead"
	all_there "$temps"
	end_well
	cmp src/d/slow dst2/d/slow
	[ -z "$(ls -A temp)" ]
}

@test "and when the run that lives goes on with what a dead one had begun" {
	local rounds=0
	mkdir -p src dst/sub above/sub
	head -c 18M /dev/urandom >src/large
	begin_slow dst --resume=journal src dst/sub
	kill -CONT "$slow_pid"
	# Until some of it is written.
	until [ "$(stat -c %s "$temps")" -gt 0 ]; do
		[ $((rounds += 1)) -lt 2000 ]
		sleep 0.01
	done
	end_killed
	touch dst/.uring-sync.run
	# shellcheck disable=SC2086
	"$US_BIN" ${US_ARGS:-} --bwlimit=1M --resume=journal src dst/sub >slow.out 2>slow.err 3>&- &
	slow_pid=$!
	size=$(stat -c %s "$dead")
	rounds=0
	until [ "$(stat -c %s "$dead")" -ne "$size" ]; do
		[ $((rounds += 1)) -lt 2000 ]
		sleep 0.01
	done
	kill -STOP "$slow_pid"
	run -0 us above dst
	all_there "$dead"
	kill -KILL "$slow_pid"
	wait "$slow_pid" || true
	slow_pid=
	run -0 us --resume=journal src dst/sub
	cmp src/large dst/sub/large
	no_temporaries dst
}

@test "where other machines may be at work, their temporary files stay until no one has touched them for a day" {
	command -v debugfs >/dev/null || skip 'no debugfs'
	foreign=.uring-sync.0000000000000001.0.1
	ancient=.uring-sync.0000000000000002.0.1
	mount_ext4 disk 16M
	mkdir -p disk/dst/d
	touch disk/dst/d/$foreign disk/dst/d/$ancient
	umount disk
	debugfs -w -R "set_inode_field dst/d/$ancient ctime 20010101" disk.img 2>/dev/null
	mount -o loop disk.img disk
	mount_passfs disk far
	slow_tree src far/dst
	begin_slow far src far/dst
	end_killed
	run -0 us -v src far/dst
	[[ $output == *"far/dst/d: temporary files that a run on another machine may have in use are left"* ]]
	[[ $output == *"left a temporary file that may be in use: $foreign"* ]]
	none_there "$dead"
	[ -e far/dst/d/$foreign ]
	[ ! -e far/dst/d/$ancient ]
	# They are looked for again.
	[ -e far/dst/.uring-sync.run ]
	unmount far
	# On a disk of this machine there is no such doubt.
	run -0 us src disk/dst
	no_temporaries disk
}

@test "where it can't be asked whether a run lives, its temporary files stay" {
	need_fault
	slow_tree src dst
	begin_slow dst src dst
	end_killed
	run -0 us_fault ofdlock:EOPNOTSUPP+ src dst
	all_there "$dead"
	[ -e dst/.uring-sync.run ]
	run -0 us src dst
	no_temporaries dst
}
