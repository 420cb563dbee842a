#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# send and recv when something goes wrong between them, or at the receiver's disk: a failure on both sides, and never a success too early.

load ../lib
load ../net_lib

setup() {
	enter_test
	small_tree src 3 5
	make_key
}

# Wait until FILE is there.
wait_for() {
	local i
	for ((i = 0; i < 1000; i++)); do
		[ ! -e "$1" ] || return 0
		sleep 0.02
	done
	return 1
}

@test 'cut at random moments, by who is between or by the death of a side: whole in the end, and no success before' {
	# US_CUTS=100 is the full length; US_SEED makes the same moments again.
	local cuts=${US_CUTS:-10} n seed=${US_SEED:-$RANDOM} bytes action failures=0
	echo "US_SEED=$seed"
	RANDOM=$seed
	small_tree src 10 20
	head -c 20M /dev/urandom >src/large
	head -c 5M /dev/urandom >src/dir-1/less
	start_recv dst --secret-file key --resume journal
	for ((n = 0; n < cuts; n++)); do
		# Now and then in the handshake; else anywhere in the first two thirds of the whole.
		bytes=$((n % 4 == 3 ? RANDOM % 3000 + 1 : (RANDOM * 32768 + RANDOM) % 17000000 + 1))
		action=kill
		case $((n % 5)) in
		1) ;; # The sender, which says who it is below.
		3) echo "$RECV_PID" >victim ;;
		*) action=cut ;;
		esac
		relay $action up $bytes
		status=0
		# shellcheck disable=SC2016
		sh -c '[ "$1" != 1 ] || echo $$ >victim; shift; exec "$@"' sh $((n % 5)) \
			"$US_BIN" send ${US_ARGS:-} -j $((n % 3 + 1)) src "127.0.0.1:$RELAY" --secret-file key >out 2>err 3>&- || status=$?
		echo "round $n: $action after $bytes bytes: $status: $(<err)"
		if [ $status -eq 0 ]; then
			same_tree src dst
			no_temporaries dst
			stop_recv
			rm -r dst journal
		else
			failures=$((failures + 1))
			[ $status -eq $((n % 5 == 1 ? 137 : 1)) ]
			[ -s err ] || [ $status -eq 137 ]
			[ -e relay.done ]
			if [ $((n % 5)) -eq 3 ]; then
				wait "$RECV_PID" || true
				RECV_PID=
			fi
		fi
		[ -n "$RECV_PID" ] || start_recv dst --secret-file key --resume journal
	done
	# What begins anew can't be whole within two thirds of its bytes.
	[ $failures -ge $((cuts / 2)) ]
	run -0 us send src "127.0.0.1:$PORT" --secret-file key
	same_tree src dst
	no_temporaries dst
}

@test 'the disk of the receiver is full: the sender says so, and the receiver goes on' {
	local i
	mount_tmpfs dst size=4M
	head -c 8M /dev/urandom >src/large
	start_recv dst --secret-file key
	run -1 --separate-stderr us send src "127.0.0.1:$PORT" --secret-file key
	[[ $stderr == *'the other side stopped: '*'No space left on device'* ]]
	[[ $output != *unchanged* ]]
	# It says so to the other side first.
	for ((i = 0; i < 1000; i++)); do
		! grep -q 'No space left on device' recv.err || break
		sleep 0.02
	done
	grep -q 'No space left on device' recv.err
	[ ! -e dst/large ]
	no_temporaries dst
	rm src/large
	run -0 us send src "127.0.0.1:$PORT" --secret-file key
	same_tree src dst
}

@test 'a receiver that does not move any more: the sender gives up; when it moves again the next transfer is whole' {
	local pid
	head -c 24M /dev/urandom >src/large
	start_recv dst --secret-file key
	"$US_BIN" send ${US_ARGS:-} --timeout 1 --bwlimit 20M src "127.0.0.1:$PORT" --secret-file key >out 2>err 3>&- &
	pid=$!
	wait_for dst/dir-0/file-0
	kill -STOP "$RECV_PID"
	status=0
	wait $pid || status=$?
	kill -CONT "$RECV_PID"
	[ $status -eq 1 ]
	grep -q 'Connection timed out' err
	run -0 us send src "127.0.0.1:$PORT" --secret-file key
	same_tree src dst
}

@test 'one between them that takes nothing any more: both give up' {
	local option
	head -c 24M /dev/urandom >src/large
	for option in --tls --no-tls; do
		start_recv dst --secret-file key --timeout 2 --one-shot $option
		relay stall up 200000
		run -1 --separate-stderr us send src "127.0.0.1:$RELAY" --secret-file key --timeout 1 -j 1 $option
		# It hears the receiver, who hears nothing.
		[[ $stderr == *'the other side stopped: '*'nothing was heard from the other side'* ]]
		wait_recv
		[ $status -eq 1 ]
		grep -q 'nothing was heard from the other side' recv.err
		[ -e relay.done ]
		rm -rf dst
	done
}

@test 'bytes that drip: too slow for a frame, though there is never silence' {
	head -c 4M /dev/urandom >src/large
	start_recv dst --secret-file key --timeout 2 --one-shot --no-tls
	relay drip up 200000
	run -1 --separate-stderr us send src "127.0.0.1:$RELAY" --secret-file key --timeout 40 -j 1 --no-tls
	[[ $stderr == *'the other side stopped: '*'the other side sends too slowly: Connection timed out'* ]]
	wait_recv
	[ $status -eq 1 ]
	grep -q 'the other side sends too slowly: Connection timed out' recv.err
	[ ! -e dst/large ]
}

@test 'bytes that drip, under TLS: what can not be decrypted yet was not heard' {
	head -c 4M /dev/urandom >src/large
	start_recv dst --secret-file key --timeout 2 --one-shot
	relay drip up 200000
	run -1 --separate-stderr us send src "127.0.0.1:$RELAY" --secret-file key --timeout 40 -j 1
	[[ $stderr == *'the other side stopped: '*'nothing was heard from the other side: Connection timed out'* ]]
	wait_recv
	[ $status -eq 1 ]
	grep -q 'nothing was heard from the other side: Connection timed out' recv.err
	[ ! -e dst/large ]
}
