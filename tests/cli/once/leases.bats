#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Files that another process has a lease on (fcntl(2), F_SETLEASE), as file servers have: they are waited for, until that one has
# written back what it holds, and nothing that takes the file's place meanwhile is waited for.

load ../lib
load ../net_lib

setup() {
	enter_test
	small_tree src 1 3
	head -c 300000 /dev/urandom >src/f
	printf '%s\n' two >src/g
}

# leased [-r] HOW FILE...: have leases on them (tests/tools/lease.c).  The holder is HOLDER, what it says is in holder.
leased() {
	local i
	: >holder
	lease "$@" >holder 3>&- &
	HOLDER=$!
	OTHERS+=("$HOLDER")
	for ((i = 0; i < 500; i++)); do
		[ ! -s holder ] || return 0
		kill -0 "$HOLDER" 2>/dev/null || break
		sleep 0.02
	done
	status=0
	wait "$HOLDER" || status=$?
	[ "$status" -ne 77 ] || skip 'this file system has no leases'
	return 1
}

# Wait until it was told of an open(2) that waits for the lease on FILE.
wait_told() {
	local i
	for ((i = 0; i < 1000; i++)); do
		! grep -qxF "told $1" holder || return 0
		sleep 0.02
	done
	return 1
}

# The holder has given all back.
holder_is_done() {
	wait "$HOLDER"
	grep -q '^told ' holder
}

@test "a wait of more than a second is told to who asks for notes" {
	leased 1500 src/f
	run -0 --separate-stderr us -v -j 2 -a src dst
	holder_is_done
	[ "$(grep -c 'note: waiting for who has a lease on f$' <<<"$stderr")" -eq 1 ]
	same_tree src dst
}

@test "a source is read as its holder leaves it" {
	local io
	for io in sync inline async; do
		rm -rf dst
		leased 200 src/f src/g src/dir-0/file-1
		run -0 us --io=$io -j 2 -a src dst
		holder_is_done
		[ "$(tail -c 5 dst/f)" = late ]
		same_tree src dst
	done
}

@test "a large one, one that is sent, one with a sum" {
	leased 100 src/f
	run -0 us --large=64K -j 2 src large
	holder_is_done
	same_tree src large
	leased 100 src/f src/g
	run -0 us -a --checksum-file=sums --hash=sha256 src summed
	holder_is_done
	(cd src && sha256sum --check --quiet ../sums)
	same_tree src summed
	make_key
	start_recv sent --secret-file key --one-shot
	leased 100 src/f src/g
	run -0 us send src "127.0.0.1:$PORT" --secret-file key
	wait_recv
	holder_is_done
	same_tree src sent
}

@test "a FIFO that takes the place of a leased source is no file any more, and nobody waits for who writes to it" {
	local io
	for io in sync inline async; do
		rm -rf dst src/f
		head -c 300000 /dev/urandom >src/f
		leased fifo src/f
		run -23 --separate-stderr us --io=$io -j 1 src dst
		holder_is_done
		[ "$stderr" = 'uring-sync: src/f: copy: no regular file any more' ]
		[ ! -e dst/f ]
		cmp src/g dst/g
		[ "$(summary failed)" = 1 ]
		no_temporaries dst
	done
}

@test "nor where the FIFO comes between two tries" {
	need_fault
	: >holder
	wait_a_little() {
		# Once it was asked, the holder puts the FIFO there.
		sleep 0.1
	}
	leased fifo src/f
	us_stopping openat:stop+ wait_a_little --io=sync -j 1 src dst
	[ "$status" -eq 23 ]
	[ "$stderr" = 'uring-sync: src/f: copy: no regular file any more' ]
	[ ! -e dst/f ]
	cmp src/g dst/g
}

@test "who is asked to stop waits no longer" {
	local pid signal
	for signal in INT TERM; do
		rm -rf dst
		leased never src/f
		"$US_BIN" src dst >out 2>err 3>&- &
		pid=$!
		wait_told src/f
		kill -$signal $pid
		status=0
		wait $pid || status=$?
		kill "$HOLDER"
		wait "$HOLDER" || true
		[ $status -eq $((128 + $(kill -l $signal))) ]
		[ ! -s err ]
		[ ! -e dst/f ]
		no_temporaries dst
	done
}

@test "--checksum: a destination is compared once its holder lets it go" {
	run -0 us -a src dst
	leased touch dst/f
	run -0 us -a --checksum src dst
	holder_is_done
	[ "$(summary unchanged)" = 5 ]
	leased touch dst/f
	run -0 us -a --checksum -n src dst
	holder_is_done
}

@test "--checksum between machines, with a file of sums" {
	make_key
	run -0 us -a src dst
	start_recv dst --secret-file key --one-shot --checksum-file sums
	leased touch dst/f dst/g
	run -0 us send -a --checksum src "127.0.0.1:$PORT" --secret-file key
	wait_recv
	[ "$status" -eq 0 ]
	holder_is_done
	grep -q ' 5 unchanged' <<<"$output"
	[ "$(wc -l <sums)" -eq 5 ]
}

@test "--resume: a journal that is leased, for reading or for writing" {
	local way
	for way in '' -r; do
		rm -rf dst
		: >journal
		# shellcheck disable=SC2086 # one option or none
		leased $way touch journal
		run -0 us -a --resume=journal src dst
		holder_is_done
		same_tree src dst
		[ -s journal ]
	done
}

@test "--resume: who is asked to stop while the journal is leased has begun nothing" {
	local pid
	: >journal
	leased never journal
	"$US_BIN" -a --resume=journal src dst >out 2>err 3>&- &
	pid=$!
	wait_told journal
	kill -INT $pid
	status=0
	wait $pid || status=$?
	kill "$HOLDER"
	[ $status -eq 130 ]
	[ ! -s err ]
	[ ! -s journal ]
}

@test "--resume: a part that is leased is gone on with" {
	local part pid i
	rm -r src
	mkdir src
	head -c 40M /dev/urandom >src/large
	"$US_BIN" --bwlimit=20M --resume=journal src dst >out 2>err 3>&- &
	pid=$!
	for ((i = 0; i < 500; i++)); do
		part=$(find dst -name '.uring-sync.*.*' -size +2M 2>/dev/null || true)
		[ -z "$part" ] || break
		sleep 0.02
	done
	kill -KILL $pid
	wait $pid || true
	[ -n "$part" ]
	leased touch "$part"
	run -0 us --resume=journal src dst
	holder_is_done
	same_tree src dst
	no_temporaries dst
	[ "$(summary bytes)" -le $(((40 - 2) * 1024 * 1024)) ]
}

# Take a lease on the copy once it stands there, before it is read back.
lease_copy() {
	if [ -e dst/f ] && [ ! -e has-lease ]; then
		leased touch dst/f && touch has-lease
	fi
}

@test "--verify: a copy that is leased is read back" {
	need_fault
	rm -r src
	mkdir src
	head -c 300000 /dev/urandom >src/f
	us_stopping openat:stop+ lease_copy --verify src dst
	echo "$output $stderr"
	[ "$status" -eq 0 ]
	[ -e has-lease ]
	holder_is_done
	same_tree src dst
}

@test "an open that can't be made for a moment is one for a moment" {
	need_fault
	local n
	for n in 1 2 5 8; do
		rm -rf dst
		run -0 us_fault "openat:EAGAIN@$n" --io=sync -j 1 src dst
		same_tree src dst
	done
}

# A FIFO in the place of the copy, once that stands there.
swap_copy() {
	[ ! -f dst/empty ] || { rm dst/empty && mkfifo dst/empty; }
}

@test "--verify: a FIFO in the place of an empty copy is not what was copied" {
	need_fault
	rm -r src
	mkdir src
	: >src/empty
	us_stopping openat:stop+ swap_copy --io=sync -j 1 --verify src dst
	[ -p dst/empty ]
	[ "$status" -eq 23 ]
	[ "$stderr" = 'uring-sync: dst/empty: verify: it is not what was read from the source' ]
}
