#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# send and recv of large files, whose contents go in ranges over all connections.

load ../lib
load ../net_lib

setup() {
	enter_test
	small_tree src 2 4
	make_key
}

# large [OPTION]...: send src, what is of 1 MiB in ranges of as much.
large() {
	us send -v --large 1M src "127.0.0.1:$PORT" --secret-file key "$@"
}

# How many ranges stderr tells of, and on how many connections.
told() {
	[[ $stderr =~ 'large files: '([0-9]+)' ranges of '([0-9]+)' bytes, on '([0-9]+)' connection' ]]
	ranges=${BASH_REMATCH[1]}
	bytes=${BASH_REMATCH[2]}
	conns=${BASH_REMATCH[3]}
}

# send_in_background OPTION...: SENDER; out and err are its own.
send_in_background() {
	"$US_BIN" send ${US_ARGS:-} -v --large 1M src "127.0.0.1:$PORT" --secret-file key "$@" >out 2>err 3>&- &
	SENDER=$!
	OTHERS+=("$SENDER")
}

# Wait until there is something that COMMAND prints.
wait_until() {
	local i
	for ((i = 0; i < 1500; i++)); do
		[ -z "$("$@" 2>/dev/null)" ] || return 0
		sleep 0.02
	done
	return 1
}

@test 'large files go over all connections, in new and existing directories, and with nothing but themselves' {
	local option
	head -c 20M /dev/urandom >src/a
	head -c $(((3 << 20) + 12345)) /dev/urandom >src/dir-1/b
	head -c 1M /dev/urandom >src/dir-0/c
	head -c $(((1 << 20) - 1)) /dev/urandom >src/small
	chmod 640 src/a
	setfattr -n user.probe -v here src/a || true # Where there are none, they can't be lost.
	touch -d @12345.678901234 src/a
	start_recv dst --secret-file key
	# All have some of it: the pace leaves time for that.
	run -0 --separate-stderr large -a --bwlimit 40M
	same_tree src dst
	[ "$(getfattr --only-values -n user.probe src/a 2>&1)" = "$(getfattr --only-values -n user.probe dst/a 2>&1)" ]
	told
	[ "$ranges" -ge 25 ]
	[ "$conns" -ge 2 ]
	# Now nothing is new, and nothing goes.
	run -0 --separate-stderr large
	[[ $stderr != *'large files'* ]]
	# Others in their place.
	head -c 5M /dev/urandom >src/a
	head -c 6M /dev/urandom >src/dir-1/b
	run -0 --separate-stderr large
	same_tree src dst
	told
	[ "$ranges" -ge 11 ]
	no_temporaries dst
	stop_recv
	for option in '-j 1' --no-tls; do
		start_recv dst2 --secret-file key ${option/-j 1/}
		# shellcheck disable=SC2086
		run -0 --separate-stderr large $option
		same_tree src dst2
		told
		stop_recv
		rm -r dst2
	done
}

@test 'holes are kept: those of the source, zeros that become some, and none' {
	local option
	head -c 8M /dev/urandom >src/a
	fallocate -p -o 1M -l 2M src/a
	fallocate -p -o $((7 << 20)) -l 1M src/a
	head -c 4M /dev/zero >src/zeros
	truncate -s 64M src/hollow # It goes in order.
	printf x | dd of=src/hollow bs=1M seek=30 conv=notrunc status=none
	start_recv dst --secret-file key
	for option in --sparse=auto --sparse=always --sparse=never; do
		run -0 --separate-stderr large $option
		same_tree src dst
		told
		case $option in
		*auto)
			[ "$(stat -c %b dst/a)" -le $((5 * 2048 + 64)) ]
			[ "$(stat -c %b dst/zeros)" -ge $((4 * 2048)) ]
			;;
		*always)
			[ "$(stat -c %b dst/a)" -le $((5 * 2048 + 64)) ]
			[ "$(stat -c %b dst/zeros)" -le 64 ]
			;;
		*) [ "$(stat -c %b dst/a)" -ge $((8 * 2048)) ] ;;
		esac
		[ $option = --sparse=never ] || [ "$(stat -c %b dst/hollow)" -le 64 ]
		rm -r dst/*
	done
}

@test 'sums are taken in order: of what is read, sent, written and read back' {
	head -c 9M /dev/urandom >src/a
	start_recv dst --secret-file key
	run -0 --separate-stderr large --verify
	same_tree src dst
	[[ $output == *' verified'* ]]
	[[ $stderr != *'large files'* ]]
	stop_recv
	# The receiver alone wants it.
	start_recv dst2 --secret-file key --verify
	run -0 --separate-stderr large
	same_tree src dst2
	[[ $stderr != *'large files'* ]]
}

@test '--checksum: what has other contents goes in ranges; --compress; --dry-run sends nothing' {
	head -c 6M /dev/urandom >src/a
	head -c 6M /dev/urandom >src/b
	start_recv dst --secret-file key
	run -0 --separate-stderr large --dry-run
	[[ $stderr != *'large files'* ]]
	[ ! -e dst ]
	run -0 --separate-stderr large
	same_tree src dst
	# Of the same size and time.
	printf changed | dd of=src/a bs=1 seek=5000000 conv=notrunc status=none
	touch -r dst/a src/a
	run -0 --separate-stderr large
	[ "$(cmp src/a dst/a | wc -l)" = 1 ]
	run -0 --separate-stderr large --checksum
	same_tree src dst
	told
	[ "$ranges" = 6 ]
	# What does not shrink goes as it is; what does shrinks.
	yes 'the same line' | head -c 12M >src/lines
	run -0 --separate-stderr large --compress
	same_tree src dst
	told
	[[ $stderr =~ 'compressed: '([0-9]+)' bytes were sent as '([0-9]+) ]]
	[ "${BASH_REMATCH[2]}" -lt $((BASH_REMATCH[1] / 4)) ]
	printf more >>src/b
	run -0 --separate-stderr large --dry-run
	[[ $stderr != *'large files'* ]]
	run ! cmp -s src/b dst/b
}

@test '--link-dest and --checksum: held against the earlier copy, in new directories and in existing ones' {
	local file
	head -c 3M /dev/urandom >src/a
	head -c 3M /dev/urandom >src/b
	echo small >src/c
	echo other >src/d
	cp -a src ref
	for file in b d; do # Of the same size and time.
		printf X | dd of=ref/$file bs=1 seek=3 conv=notrunc status=none
		touch -r src/$file ref/$file
	done
	head -c 3M /dev/urandom >src/big # Only here.
	start_recv dst --secret-file key --link-dest ../ref
	run -0 --separate-stderr large --checksum
	same_tree src dst
	[ dst/a -ef ref/a ] && [ dst/c -ef ref/c ]
	run ! test dst/b -ef ref/b
	rm dst/[a-d]
	run -0 --separate-stderr large --checksum
	same_tree src dst
	[ dst/a -ef ref/a ] && [ dst/c -ef ref/c ]
	run ! test dst/b -ef ref/b
	run ! test dst/d -ef ref/d
	told
	# An earlier copy that can't be read is none.
	need_fault
	stop_recv
	rm -r dst
	URING_SYNC_FAULT=read:EIO@1 start_recv dst --secret-file key --link-dest ../ref
	run -0 --separate-stderr large -j 1 --checksum
	same_tree src dst
	grep 'Input/output error' recv.err
}

@test '--link-dest: what the earlier copy has becomes a link whatever its size, and is not sent' {
	local option links=10
	mkdir src/sub src/new
	head -c 3M /dev/urandom >src/several-parts
	head -c 3M /dev/urandom >src/sub/several-parts
	cp -a src ref
	rm -r ref/new
	head -c 3M /dev/urandom >src/new/only-here
	start_recv dst --secret-file key --link-dest ../ref
	for option in '' --delete; do # Into a new destination, then into one that lacks some.
		# shellcheck disable=SC2086 # an option, or none
		run -0 --separate-stderr us send src "127.0.0.1:$PORT" --secret-file key $option
		same_tree src dst
		[ dst/several-parts -ef ref/several-parts ]
		[ dst/sub/several-parts -ef ref/sub/several-parts ]
		[[ $output == *' 3145728 bytes (3.0 MiB) copied,'* ]]
		[[ $output == *', '$links' hard links,'* ]]
		links=2
		rm -r dst/sub dst/several-parts dst/new
	done
}

@test 'a file that changes while its ranges are sent: void, and sent anew; one that does not come to rest' {
	local n=0
	need_fault
	rm -r src/*
	head -c 8M /dev/urandom >src/a
	start_recv dst --secret-file key
	change() {
		n=$((n + 1))
		[ $n -ne 3 ] || printf changed >>src/a
	}
	us_stopping read:stop+ change send -v --large 1M src "127.0.0.1:$PORT" --secret-file key
	[ "$status" -eq 0 ]
	same_tree src dst
	no_temporaries dst
	[[ $output == *' 0 failed'* ]]
	told
	# Shorter, and what was there before is longer.
	n=0
	printf more >>src/a
	change() {
		n=$((n + 1))
		[ $n -ne 3 ] || truncate -s 3M src/a
	}
	us_stopping read:stop+ change send -v --large 1M src "127.0.0.1:$PORT" --secret-file key
	[ "$status" -eq 0 ]
	same_tree src dst
	# Again and again.
	head -c 8M /dev/urandom >src/a
	change() { printf x >>src/a; }
	us_stopping read:stop+ change send -v --large 1M src "127.0.0.1:$PORT" --secret-file key
	[ "$status" -eq 23 ]
	[ "$(grep -c 'src/a: copy: it changed while it was read, twice' err)" = 1 ]
	no_temporaries dst
}

@test 'a large file gets a second name between the question about it and the answer' {
	local n=0 mode
	need_fault
	change() {
		n=$((n + 1))
		[ $n -ne 1 ] || ln -f src/a src/b
	}
	for mode in --io=inline --io=async; do
		n=0
		rm -rf src dst
		mkdir src
		head -c 2M /dev/urandom >src/a
		head -c 3M /dev/urandom >src/b
		start_recv dst --secret-file key -a
		us_stopping read:stop+ change send -a $mode -j 1 --large 1M src "127.0.0.1:$PORT" --secret-file key
		[ "$status" -eq 0 ]
		cmp src/a dst/a
		cmp src/b dst/b
		stop_recv
	done
}

@test 'a read that fails in the middle: the file is told of once, nothing of it stays, and the others go on' {
	need_fault
	rm -r src/*
	head -c 8M /dev/urandom >src/a
	head -c 8M /dev/urandom >src/b
	start_recv dst --secret-file key
	run -23 --separate-stderr us_fault read:EIO@5 send --large 1M src "127.0.0.1:$PORT" --secret-file key
	[ "$(grep -c 'read: Input/output error' <<<"$stderr")" = 1 ]
	[ "$(cat dst/a dst/b 2>/dev/null | wc -c)" = $((8 << 20)) ]
	no_temporaries dst
	run -0 --separate-stderr large
	same_tree src dst
}

@test 'a write that fails in the middle: the same at the receiver' {
	need_fault
	rm -r src/*
	head -c 8M /dev/urandom >src/a
	head -c 8M /dev/urandom >src/b
	URING_SYNC_FAULT=write:EIO@5 start_recv dst --secret-file key
	run -23 --separate-stderr large
	[ "$(grep -c 'write: Input/output error' <<<"$stderr")" = 1 ]
	[ "$(grep -c 'write: Input/output error' recv.err)" = 1 ]
	no_temporaries dst
	run -0 --separate-stderr large
	same_tree src dst
}

@test 'bytes that a close reports as lost: whichever of the two descriptors is told' {
	local n seen=0
	need_fault
	rm -r src/*
	head -c 2M /dev/urandom >src/a
	for ((n = 8; n < 60 && seen < 2; n++)); do
		URING_SYNC_FAULT=close:EIO@$n start_recv dst --secret-file key --no-tls
		run --separate-stderr large -j 1 --no-tls
		stop_recv
		if grep -q 'dst/a: close: Input/output error' recv.err; then
			seen=$((seen + 1))
			[ "$status" -eq 23 ]
			[ ! -e dst/a ]
		else
			[ "$status" -eq 0 ]
			cmp src/a dst/a
		fi
		no_temporaries dst
		rm -rf dst
	done
	[ $seen -eq 2 ]
}

@test 'no room for a large file shows before a byte of it is sent' {
	head -c 8M /dev/urandom >src/a
	mount_tmpfs dst size=6M
	start_recv dst --secret-file key
	run -1 --separate-stderr large
	[[ $stderr == *'No space left on device'* ]]
	wait_until grep 'reserve space: No space left on device' recv.err
	[[ $stderr != *'large files: '* ]]
	[ ! -e dst/a ]
	no_temporaries dst
}

@test 'without descriptors for it, or what keeps the cache clean, it goes all the same' {
	need_fault
	head -c 5M /dev/urandom >src/a
	URING_SYNC_FAULT=dontcache:EOPNOTSUPP+ start_recv dst --secret-file key
	run -0 --separate-stderr us_fault dontcache:EOPNOTSUPP+ send -v --large 1M src "127.0.0.1:$PORT" --secret-file key
	same_tree src dst
	told
	stop_recv
	start_recv dst2 --secret-file key
	run -0 --separate-stderr us_fault dup:EMFILE+ send -v --large 1M src "127.0.0.1:$PORT" --secret-file key
	same_tree src dst2
	[[ $stderr != *'large files: '* ]]
	stop_recv
	URING_SYNC_FAULT=write:short+ start_recv dst3 --secret-file key
	run -0 --separate-stderr us_fault read:short+ send -v --large 1M src "127.0.0.1:$PORT" --secret-file key
	same_tree src dst3
}

@test 'interrupted in the middle: nothing stays, and both sides say so' {
	head -c 24M /dev/urandom >src/a
	start_recv dst --secret-file key
	send_in_background --bwlimit 6M
	wait_until find dst/a -size +2M
	kill -INT $SENDER
	status=0
	wait $SENDER || status=$?
	[ $status -eq 130 ]
	wait_until grep '^stopped: ' recv.out
	[ ! -e dst/a ]
	no_temporaries dst
	run -0 --separate-stderr large
	same_tree src dst
}

# True when the receiver has stopped (SIGSTOP).
recv_is_stopped() {
	local state
	{ read -r _ _ state _ <"/proc/$RECV_PID/stat"; } 2>/dev/null && [ "$state" = T ] && echo yes
}

@test 'a receiver killed near the end, without a journal: nothing has the size of a complete file that is none' {
	local size=$(((4 << 20) + 1)) writes back
	need_fault
	head -c $size /dev/urandom >src/large
	URING_SYNC_FAULT_LOG=$T/log start_recv dst --secret-file key
	run -0 large -j 4
	stop_recv
	writes=$(sed -n 's/^write //p' log)
	for back in 0 1 2 3 4 6 8 12; do
		rm -rf dst
		URING_SYNC_FAULT=write:stop@$((writes - back)) start_recv dst --secret-file key
		send_in_background -j 4
		wait_until recv_is_stopped
		kill -KILL "$RECV_PID"
		wait "$RECV_PID" || true
		wait "$SENDER" && return 1
		if ! cmp -s src/large dst/large; then
			[ "$(stat -c %s dst/large || true)" != $size ]
		fi
		start_recv dst --secret-file key
		run -0 large --modify-window=3600
		diff -r src dst
		no_temporaries dst
		stop_recv
	done
}

@test 'killed in the middle, either side: with a journal most of it is not sent again' {
	local victim
	head -c 48M /dev/urandom >src/a
	for victim in sender receiver; do
		start_recv dst --secret-file key --resume journal
		send_in_background --bwlimit 24M
		wait_until find dst -name '.uring-sync.*' -size +24M
		if [ $victim = sender ]; then
			kill -KILL $SENDER
			wait_until grep '^stopped: ' recv.out
		else
			kill -KILL "$RECV_PID"
			wait "$RECV_PID" || true
			start_recv dst --secret-file key --resume journal
		fi
		wait $SENDER || true
		[ ! -e dst/a ]
		run -0 --separate-stderr large
		same_tree src dst
		no_temporaries dst
		told
		# Eight ranges may lack, and one is not whole.
		[ "$ranges" -le $((48 - 24 + 9)) ]
		stop_recv
		rm -r dst journal
	done
}

@test 'many large files at once, more than may be open at a time, with hard links and a filter' {
	local i
	mkdir src/many
	for ((i = 0; i < 70; i++)); do
		head -c $(((1 << 20) + i)) /dev/zero | tr '\0' "\\$((i % 8))" >src/many/$i
	done
	ln src/many/1 src/many/link
	start_recv dst --secret-file key --stats
	run -0 --separate-stderr large -a --exclude 'many/2?'
	told
	[ "$ranges" -ge 100 ]
	wait_until grep '^Files in ranges: ' recv.out
	[ "$(sed -n 's/^Files in ranges: //p' recv.out)" -gt 0 ]
	[ "$(sed -n 's/^Files in ranges: //p' recv.out)" -le "$(sed -n 's/^Files read and written: //p' recv.out)" ]
	touch -r src/many stamp
	rm src/many/2?
	touch -r stamp src/many
	same_tree src dst
	[ dst/many/1 -ef dst/many/link ]
	no_temporaries dst
}
