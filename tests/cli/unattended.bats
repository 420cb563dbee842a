# SPDX-License-Identifier: MIT
# For runs that no one watches: limits, politeness, a log.
load lib

@test "--bwlimit is never exceeded" {
	mkdir src
	head -c 3000000 /dev/urandom >src/large
	for i in {1..50}; do head -c 20000 /dev/urandom >"src/$i"; done
	run -0 us --bwlimit=4M --stats src dst
	same_tree src dst
	# 4,000,000 bytes, less the burst of 1/20 s at the start and one part of 1/8 s at the end.
	seconds=$(sed -n 's/^Seconds: //p' <<<"$output")
	[ "$(awk -v s="$seconds" 'BEGIN { print (s >= 4000000 / 4194304 - 0.05 - 0.125) }')" = 1 ]
}

@test "--bwlimit: a signal is answered at once, however slow the copy" {
	mkdir src
	head -c 1000000 /dev/urandom >src/large
	us --bwlimit=1K src dst >out 2>&1 3>&- &
	pid=$!
	until [ -e dst/large ]; do sleep 0.01; done
	pkill -TERM -P $pid || kill -TERM $pid
	code=0
	wait $pid || code=$?
	[ $code -eq 143 ]
	[ ! -e dst/large ]
}

@test "--bwlimit: wrong values" {
	for rate in 0 1023 x 2048G ''; do
		run -2 --separate-stderr us --bwlimit="$rate" src dst
		[[ $stderr == *"--bwlimit: '$rate' is not valid: a size from 1K to 1024G"* ]]
	done
}

@test "--idle: the threads that copy come last, and the copy is the same" {
	need_fault
	small_tree src 2 3
	URING_SYNC_FAULT=read:stop "$US_BIN" ${US_ARGS:-} --idle src dst >out 2>&1 3>&- &
	pid=$!
	until grep -q '^State:.T' /proc/$pid/status; do sleep 0.01; done
	nice=$(cut -d ' ' -f 19 /proc/$pid/task/*/stat | sort -u | paste -s -d ' ')
	io=$(for task in /proc/$pid/task/*; do ionice -p "${task##*/}"; done | sort -u | paste -s -d ' ')
	kill -CONT $pid
	wait $pid
	[[ $nice == *19* ]]
	[[ $io == *idle* ]]
	same_tree src dst
}

@test "--max-errors stops the copy, and says why" {
	mkdir src
	for i in {1..200}; do mkfifo "src/$i"; done
	need_fault
	run -1 --separate-stderr us_fault mknodat:EIO+ --max-errors=5 -j 1 src dst
	[[ $stderr == *'uring-sync: 5 entries failed, and no more are allowed'* ]]
	[ "$(grep -c ': Input/output error' <<<"$stderr")" -ge 5 ]
	[ "$(grep -c ': Input/output error' <<<"$stderr")" -lt 200 ]
	[[ $output == 'stopped: '* ]]
	run -23 us_fault mknodat:EIO,mknodat:EIO@2 --max-errors=3 -j 1 src dst2
	[ "$(summary failed)" = 2 ]
	for n in 0 x -1; do
		run -2 us --max-errors=$n src dst
	done
}

@test "--log-file has what was done, what failed and the end, each with its time" {
	mkdir src
	echo one >src/f
	ln -s nowhere src/link
	mkfifo src/pipe
	need_fault
	run -23 us_fault mknodat:EIO --log-file=log src dst
	line='^[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} \[[0-9]+\] '
	grep -Eq "$line>f\+{9} f\$" log
	grep -Eq "${line}cL\+{9} link -> nowhere\$" log
	grep -Eq "${line}dst/pipe: .*: Input/output error\$" log
	grep -Eq "${line}1 files, 1 directories, 1 symlinks, " log
	[ "$(grep -Evc "$line" log)" = 0 ]
	# The next run appends; nothing but the end is new in it.
	run -0 us --log-file=log --quiet --delete src dst
	[ "$(grep -c ' files, ' log)" = 2 ]
	[ "$output" = '' ]
}

@test "--log-file that can't be written is told, before and after" {
	mkdir src
	echo one >src/f
	run -1 --separate-stderr us --log-file=no/such/log src dst
	[[ $stderr == *'--log-file: no/such/log: No such file or directory'* ]]
	[ ! -e dst ]
	run -1 --separate-stderr us --log-file=/dev/full src dst
	[[ $stderr == *'--log-file: /dev/full: No space left on device'* ]]
}

@test "--stats prints every count" {
	mkdir -p src/d
	echo one >src/f
	ln src/f src/d/g
	ln -s f src/link
	mkfifo src/pipe
	run -0 us -a --stats src dst
	for row in 'Files copied: 1' 'Directories: 2' 'Symbolic links copied: 1' \
		'Devices, FIFOs and sockets made: 1' 'Hard links made: 1' 'Unchanged: 0' 'Skipped: 0' \
		'Deleted: 0' 'Not deleted: 0' 'Verified: 0' 'Failed: 0' 'Vanished: 0' 'Bytes copied: 4'; do
		[[ $'\n'$output$'\n' == *$'\n'"$row"$'\n'* ]]
	done
	# In which order is the file system's matter.
	listings=$(printf '%s\n' "$output" | awk '/^Listings / {sum += $NF} END {print sum}')
	[ "$listings" -eq 2 ]
	[[ $output == *$'\nExtents asked for: '* ]]
	run -0 us -a --stats --quiet src dst
	[[ $output == *'Unchanged: 4'* ]]
	[[ $output != *'files/s'* ]]
}
