#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# send and recv when one of them can't go on for longer than the other one's patience, and yet is there; and when it is not.

load ../lib
load ../net_lib

setup() {
	enter_test
	make_key
}

teardown() {
	kill_pairs
	net_teardown
}

# Those of the test at hand: not all jobs of its shell, for one of these is bats's own, which ends the test after a time.
PAIRS=()

kill_pairs() {
	local pid
	for pid in "${PAIRS[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
}

# pair NAME RECV_OPTION... -- SEND_OPTION...: in the background, a receiver into DST (dst below NAME) and a sender of SRC (src below NAME) to
# it.  How they end is in NAME/send.status and NAME/recv.status.
pair() {
	local dst=${DST:-$T/$1/dst} src=${SRC:-$T/$1/src} options=()
	T=$T/$1
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	(
		trap 'stop_recv' EXIT
		start_recv "$dst" --one-shot --secret-file "$T/../key" "${options[@]}"
		status=0
		us send "$src" "127.0.0.1:$PORT" --secret-file "$T/../key" "$@" >"$T/send.out" 2>"$T/send.err" 3>&- || status=$?
		echo $status >"$T/send.status"
		wait_recv
		echo $status >"$T/recv.status"
	) &
	PAIRS+=($!)
	T=${T%/*}
}

# Both sides of each of the given pairs have succeeded.
well() {
	local name
	for name; do
		echo "$name: $(cat "$name"/*.status): $(<"$name/send.err") $(<"$name/recv.err")"
		[ "$(<"$name/send.status")" -eq 0 ]
		[ "$(<"$name/recv.status")" -eq 0 ]
	done
}

@test 'a side that is held up for longer than the other one waits is not given up' {
	local i
	# Each "hang" takes three times the patience.  All at once, for nothing is done meanwhile.
	for i in write sum last delete make; do
		small_tree "$i/src" 2 3
	done
	for i in read list; do
		small_tree "far/$i" 2 3
	done
	head -c 24M /dev/zero >write/src/stuck
	head -c 9M /dev/zero >far/read/stuck
	mkdir -p far/list/late near
	: >far/list/late/file
	mount_passfs far from 'timeout=1,fail=read:hang:stuck;opendir:hang:late'
	mount_passfs near to 'timeout=1,fail=write:hang:stuck;read:hang:sum;read:hang:last;unlink:hang:old;mkdir:hang:new'

	# The receiver's disk: it does not write, and so takes nothing more; is long at a sum; or at what comes after the last file.
	mkdir read list near/write near/sum near/last near/delete
	DST=$T/to/write pair write -- --timeout 2 -j 1
	head -c 9M /dev/zero >sum/src/sum
	cp -p sum/src/sum near/sum
	DST=$T/to/sum pair sum -- --timeout 2 -j 2 --checksum
	echo contents >last/src/last
	DST=$T/to/last pair last -- --timeout 2 -j 2 --verify
	: >near/delete/old
	DST=$T/to/delete pair delete -- --timeout 2 -j 2 --delete
	# It does not even begin.
	DST=$T/to/new pair make -- --timeout 2
	# The sender's: it does not read, or is long at a list.
	SRC=$T/from/read pair read --timeout 2 -- -j 1
	SRC=$T/from/list pair list --timeout 2 -- -j 2
	wait "${PAIRS[@]}"
	well write sum last delete make read list
	same_tree write/src near/write
	same_tree sum/src near/sum
	same_tree last/src near/last
	same_tree delete/src near/delete
	same_tree make/src near/new
	same_tree far/read read/dst
	same_tree far/list list/dst
}

@test 'a side that is slow because it was told to be is not given up' {
	# The second file of the pair has its turn four seconds after the first one.
	mkdir -p send/src recv/src both
	head -c 4096 /dev/zero >send/src/a
	head -c 4096 /dev/zero >send/src/b
	cp -r send/src/. recv/src
	pair send --timeout 1 -- -j 1 --bwlimit 1K
	pair recv --bwlimit 1K -- -j 1 --timeout 1
	wait "${PAIRS[@]}"
	well send recv
	same_tree send/src send/dst
	same_tree recv/src recv/dst
}

@test 'the sum of a huge hole: the connection is kept for as long as it takes' {
	mkdir -p huge/src
	printf begin >huge/src/file
	truncate -s 64G huge/src/file 2>/dev/null || skip 'no file can be so large here'
	printf end >>huge/src/file
	# The sender alone takes a sum.
	pair huge --timeout 1 -- -j 1 --timeout 1 --checksum-file "$T/sums"
	wait "${PAIRS[@]}"
	well huge
	[ "$(wc -l <sums)" -eq 1 ]
	[ "$(stat -c %s huge/dst/file)" -eq "$(stat -c %s huge/src/file)" ]
	cmp <(tail -c 100000 huge/src/file) <(tail -c 100000 huge/dst/file)
	# What it is, is known of a smaller one: before data, and at the end.
	rm -r huge
	mkdir -p huge/src
	truncate -s 150M huge/src/file
	printf data >>huge/src/file
	truncate -s 250M huge/src/file
	pair huge --checksum-file "$T/got" --hash sha256 -- -j 1 --checksum-file "$T/sums" --hash sha256
	wait "${PAIRS[@]}"
	well huge
	cmp sums got
	(cd huge/src && sha256sum --quiet --strict -c ../../sums)
}

@test 'the sum of a huge hole does not keep a sender that is stopped, or whose receiver is gone' {
	local how pid i
	mkdir src
	printf begin >src/huge
	# At the speed of memory that takes half an hour.
	truncate -s 15T src/huge 2>/dev/null || skip 'no file can be so large here'
	for how in stopped gone; do
		start_recv dst --secret-file key --one-shot
		env --default-signal=INT "$US_BIN" send -j 1 --checksum-file sums src "127.0.0.1:$PORT" --secret-file key >send.out 2>send.err 3>&- &
		pid=$!
		for ((i = 0; i < 1000; i++)); do
			[ -z "$(find dst -type f -size +0 -print -quit 2>/dev/null)" ] || break
			sleep 0.02
		done
		[ -n "$(find dst -type f -size +0 -print -quit)" ]
		if [ $how = stopped ]; then
			kill -INT "$pid"
		else
			kill -TERM "$RECV_PID"
		fi
		status=0
		wait "$pid" || status=$?
		echo "$how: $status: $(<send.err)"
		[ $status -eq "$([ $how = stopped ] && echo 130 || echo 1)" ]
		wait_recv
		[ $status -ne 0 ]
		no_temporaries dst
		rm -rf dst
	done
}

# stopped SIDE OPTION...: a transfer whose SIDE (send or recv) is stopped on its way; the other one's exit status is in status, and what
# it has said in $SIDE.err of that one.
stopped() {
	local side=$1 victim other pid
	shift
	start_recv dst --secret-file key --one-shot "$@"
	"$US_BIN" send ${US_ARGS:-} --bwlimit 4M src "127.0.0.1:$PORT" --secret-file key "$@" >send.out 2>send.err 3>&- &
	pid=$!
	for ((i = 0; i < 1000; i++)); do
		[ ! -e dst/dir-0/file-0 ] || break
		sleep 0.02
	done
	[ -e dst/dir-0/file-0 ]
	if [ "$side" = send ]; then
		kill -STOP "$pid"
		wait_recv
		kill -KILL "$pid"
		wait "$pid" || true
	else
		kill -STOP "$RECV_PID"
		status=0
		wait "$pid" || status=$?
		kill -KILL "$RECV_PID"
		wait "$RECV_PID" || true
		RECV_PID=
	fi
}

@test 'a side that is stopped is found by the other one' {
	local side option
	small_tree src 3 5
	head -c 24M /dev/zero >src/large
	for option in --tls --no-tls; do
		for side in send recv; do
			stopped $side --timeout 1 $option
			[ "$status" -eq 1 ]
			grep -q 'nothing was heard from the other side: Connection timed out' "$([ $side = send ] && echo recv.err || echo send.err)"
			rm -r dst
		done
	done
}

@test 'a connection that is only half there is given up by both' {
	small_tree src 3 5
	head -c 24M /dev/zero >src/large
	start_recv dst --secret-file key --timeout 1 --one-shot
	relay stall both 200000
	run -1 --separate-stderr us send src "127.0.0.1:$RELAY" --secret-file key --timeout 1 -j 2
	[[ $stderr == *'nothing was heard from the other side: Connection timed out'* ]]
	wait_recv
	[ $status -eq 1 ]
	grep -q 'nothing was heard from the other side: Connection timed out' recv.err
	[ -e relay.done ]
}

@test 'answers that do not arrive: the sender gives up' {
	small_tree src 20 30
	start_recv dst --secret-file key --timeout 20 --one-shot
	relay stall down 3000
	run -1 --separate-stderr us send src "127.0.0.1:$RELAY" --secret-file key --timeout 1 -j 1
	[[ $stderr == *'nothing was heard from the other side: Connection timed out'* ]]
	wait_recv
	[ $status -eq 1 ]
}

@test 'answers that drip: too slow for a frame, though there is never silence' {
	small_tree src 20 30
	start_recv dst --secret-file key --timeout 20 --one-shot --no-tls
	relay drip down 200
	run -1 --separate-stderr us send src "127.0.0.1:$RELAY" --secret-file key --timeout 1 -j 1 --no-tls
	[[ $stderr == *'the other side sends too slowly: Connection timed out'* ]]
	wait_recv
	[ $status -eq 1 ]
}

@test 'what stands still at the far end of --rsh is given up, and what reaches it is ended' {
	local pid i state
	mkdir many
	for ((i = 0; i < 300; i++)); do
		echo "$i" >"many/$i"
	done
	# It stands for ssh, and becomes the other side itself.
	printf '#!/bin/sh\necho $$ >"%s"\nexec "%s" serve\n' "$T/far" "$US_BIN" >rsh
	chmod 755 rsh
	"$US_BIN" -e "$T/rsh" --timeout=1 --bwlimit=1K many "host:$T/dst" >out 2>err 3>&- &
	pid=$!
	OTHERS+=($pid)
	for ((i = 0; i < 500; i++)); do
		[ ! -e dst/0 ] || break
		sleep 0.02
	done
	kill -STOP "$(<far)"
	for ((i = 0; i < 1500; i++)); do
		{ read -r _ _ state _ <"/proc/$pid/stat"; } 2>/dev/null || break
		[ "$state" != Z ] || break
		sleep 0.02
	done
	if kill -0 "$(<far)" 2>/dev/null; then
		kill -KILL "$(<far)"
		false
	fi
	status=0
	wait "$pid" || status=$?
	[ $status -eq 1 ]
	grep -q 'nothing was heard from the other side' err
}
