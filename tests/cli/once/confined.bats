#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A receiver makes and removes nothing outside of its destination, also where a directory that it has open is moved out of it, or
# changes places with a link that leads out (docs/security.md, "The receiver's sandbox").

load ../lib
load ../net_lib

setup() {
	enter_test
	need_fault
	make_key
	mkdir -p src/sub dst away
}

# A receiver in its sandbox.
start_confined() {
	start_recv dst --secret-file key --one-shot -v
	! grep -q 'no sandbox' recv.err || skip 'this kernel has no Landlock'
}

# Names, and what leads to them, below away.
names_away() {
	find away -printf '%P %y %i\n' | sort
}

# Move dst/sub out, once the receiver has something in it.
move_out() {
	local i
	[ ! -e away/sub ] || return 0
	for ((i = 0; i < 10; i++)); do
		if [ -n "$(find dst/sub -type f -size +0 ! -name "${spared:-}" 2>/dev/null)" ]; then
			mv dst/sub away/
			names_away >moved
			return 0
		fi
		sleep 0.02
	done
}

# sent FAULT OPTION...: send src, which stops where FAULT says for move_out.
sent() {
	local fault=$1
	shift
	us_stopping "$fault" move_out send src "127.0.0.1:$PORT" --secret-file key --io=sync -j 1 "$@"
	sent_status=$status
	wait_recv
	printf '%s\n' "$output" "$stderr" "$(<recv.err)"
	# It was moved, and since then no name has come or gone there.
	[ -e moved ]
	[ "$(names_away)" = "$(<moved)" ]
}

@test "a directory that is moved out of the destination gets no further entries" {
	local n name missing=0
	mkdir src/sub/below
	for n in 1 2 3 4; do
		head -c 100000 /dev/urandom >src/sub/file-$n
		printf '%s\n' "$n" >src/sub/below/file-$n
		printf '%s\n' "$n" >src/file-$n
	done
	start_confined
	sent openat:stop+ --queue-depth 1
	[ "$sent_status" -eq 23 ]
	[ "$status" -eq 23 ]
	# What is beside it is not concerned.
	for n in 1 2 3 4; do
		cmp src/file-$n dst/file-$n
	done
	for name in $(cd src && find sub -type f); do
		[ ! -e "away/$name" ] || continue
		missing=$((missing + 1))
		grep -q "^uring-sync: dst/$name: .*: Permission denied\$" recv.err || grep -q "^uring-sync: dst/${name%/*}: .*: Permission denied\$" recv.err
	done
	[ "$missing" -ge 1 ]
}

@test "a new file that was open when its directory was moved out is written to its end" {
	head -c 8M /dev/urandom >src/sub/large
	start_confined
	sent read:stop@100 --chunk-size=64K
	[ "$sent_status" -eq 0 ]
	[ "$status" -eq 0 ]
	same_tree src/sub away/sub
	[ ! -e dst/sub ]
}

@test "a file that was to be replaced there stays, and what there is of the new one, which is told" {
	local temporary
	mkdir dst/sub
	printf old >dst/sub/large
	spared=large
	head -c 8M /dev/urandom >src/sub/large
	start_confined
	sent read:stop@100 --chunk-size=64K
	[ "$sent_status" -eq 23 ]
	[ "$status" -eq 23 ]
	[ "$(<away/sub/large)" = old ]
	temporary=$(cd away/sub && echo .uring-sync.*)
	grep -qxF 'uring-sync: dst/sub/large: rename: Permission denied' recv.err
	grep -qxF "uring-sync: dst/sub/large: remove what there is of it, $temporary: Permission denied" recv.err
}

@test "deletions do not follow a directory that is moved out" {
	local n i state
	mkdir -p dst/sub/old
	for n in 1 2 3; do
		printf '%s\n' "$n" | tee dst/sub/old/file-$n >dst/sub/file-$n
	done
	URING_SYNC_FAULT=unlinkat:stop@1 start_confined
	us send --delete src "127.0.0.1:$PORT" --secret-file key >sent.out 2>&1 3>&- &
	OTHERS+=("$!")
	# It stops before the first one.
	for ((i = 0; i < 500; i++)); do
		read -r _ _ state _ <"/proc/$RECV_PID/stat"
		[ "$state" != T ] || break
		sleep 0.02
	done
	mv dst/sub away/
	names_away >moved
	kill -CONT "$RECV_PID"
	wait_recv
	cat recv.err
	[ "$status" -eq 23 ]
	[ "$(names_away)" = "$(<moved)" ]
	[ "$(find away/sub -type f | wc -l)" -eq 6 ]
	grep -q '^uring-sync: dst/sub/.*: Permission denied$' recv.err
}

@test "directories and files of the destination that change places with links lead nowhere" {
	local n pid round before
	mkdir -p away/sub links
	printf secret >away/file-1
	printf secret >away/sub/file-1
	touch -d 2001-01-01 away/file-1 away/sub/file-1 away/sub away
	ln -s "$T/away" links/sub
	ln -s "$T/away/file-1" links/file-1
	for n in 1 2 3 4 5 6 7 8; do
		printf '%s\n' "$n" | tee src/file-$n >src/sub/file-$n
	done
	before=$(find away -printf '%P %y %i %m %s %T@ %C@\n' | sort)
	run -0 us -a src dst
	swap dst/sub links/sub dst/file-1 links/file-1 3>&- &
	pid=$!
	OTHERS+=("$pid")
	start_recv dst --secret-file key -v
	for ((round = 0; round < 10; round++)); do
		run us send -a --checksum -I --delete src "127.0.0.1:$PORT" --secret-file key
		[[ $status =~ ^(0|1|23|24|25)$ ]]
	done
	kill $pid
	[ "$(find away -printf '%P %y %i %m %s %T@ %C@\n' | sort)" = "$before" ]
}
