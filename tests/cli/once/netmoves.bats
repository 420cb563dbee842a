#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# How bytes move between two machines: by splice, by a ring, by plain calls. The tree is the same each time.

load ../lib
load ../net_lib

setup() {
	enter_test
	small_tree src 2 5
	head -c 3000000 /dev/urandom >src/large
	head -c 131071 /dev/urandom >src/below
	head -c 131072 /dev/urandom >src/least
	head -c 262144 /dev/urandom >src/part
	truncate -s 3M src/holes
	printf end >>src/holes
	make_key
}

# calls NAME: how often the last sender made it.
calls() {
	sed -n "s/^$1 //p" calls
}

# moved OPTION...: a transfer without TLS to dst, made anew; the sender's calls are counted.
moved() {
	rm -rf dst calls
	start_recv dst --secret-file key --no-tls --one-shot
	URING_SYNC_FAULT_LOG=$T/calls run -0 --separate-stderr us send src "127.0.0.1:$PORT" --secret-file key --no-tls -v "$@"
	wait_recv
	[ "$status" -eq 0 ]
	same_tree src dst
}

@test '--splice: large contents go from file to connection, small ones do not' {
	need_fault
	moved --splice -j 1
	[[ $stderr == *'note: contents of files of 128 KiB and more are sent by splice, without a sum'* ]]
	[ "$(calls sendpipe)" -ge 14 ]
	moved -j 1
	[[ $stderr != *"sent by splice"* && $stderr == *" read and written, 0 spliced, "* ]]
	[ -z "$(calls sendpipe)" ]
	moved --splice -j 4 --chunk-size 8K
	[ "$(calls sendpipe)" -ge 400 ]
}

@test '--splice: where bytes have to be looked at they are' {
	local args
	for args in '--ktls=off OpenSSL encrypts them' '--no-tls,--verify --verify looks at them' '--no-tls,--compress they are compressed' \
		'--no-tls,--checksum-file=sums --checksum-file looks at them'; do
		rm -rf dst
		start_recv dst --secret-file key --one-shot
		[[ $args != --no-tls* ]] || { stop_recv; start_recv dst --secret-file key --one-shot --no-tls; }
		# shellcheck disable=SC2046 # two options
		run -0 --separate-stderr us send src "127.0.0.1:$PORT" --secret-file key -v --splice $(tr , ' ' <<<"${args%% *}")
		[[ $stderr == *"note: contents are not sent by splice: ${args#* }"* ]]
		wait_recv
		same_tree src dst
	done
}

@test '--splice: a connection that takes little, or nothing for a moment, or no splice at all' {
	local fault
	need_fault
	for fault in 'sendpipe:short+' 'sendpipe:EAGAIN@3' 'sendpipe:EINVAL@2+' 'sendpipe:short@2,sendpipe:EINVAL@3+,readpipe:short+'; do
		URING_SYNC_FAULT=$fault moved --splice -j 1
	done
}

@test '--splice: what can not be had of a pipe fails its file, at both ends, and no other' {
	local fault
	need_fault
	for fault in 'sendpipe:EIO' 'sendpipe:EIO@4' 'sendpipe:EINVAL@3,readpipe:EIO'; do
		rm -rf dst
		start_recv dst --secret-file key --no-tls --one-shot
		run -23 --separate-stderr us_fault "$fault" send src "127.0.0.1:$PORT" --secret-file key --no-tls --splice -j 1
		[[ $stderr == *': read: Input/output error'* ]]
		[[ $output == *' 1 failed'* ]]
		wait_recv
		[ "$status" -eq 23 ]
		[ "$(find src -type f | wc -l)" -eq "$(($(find dst -type f | wc -l) + 1))" ]
		no_temporaries dst
		run diff -r src dst
		[ "${#lines[@]}" -eq 1 ]
		[[ ${lines[0]} == 'Only in src'* ]]
	done
}

@test '--splice: a file that gets shorter while it is sent comes anew, as it is then' {
	need_fault
	start_recv dst --secret-file key --no-tls --one-shot
	shorten() {
		[ "$(stat -c %s src/large)" -eq 3000000 ] || return 0
		truncate -s 1000000 src/large
	}
	rm src/below src/least src/part src/holes
	us_stopping sendpipe:stop@3 shorten send src "127.0.0.1:$PORT" --secret-file key --no-tls --splice -j 1
	[ "$status" -eq 0 ]
	wait_recv
	[ "$status" -eq 0 ]
	[ "$(stat -c %s dst/large)" -eq 1000000 ]
	same_tree src dst
}

@test '--splice: a file that changes after its last bytes were given away is a failure, and right the next time' {
	local last
	need_fault
	rm -r src
	mkdir src
	head -c 1000000 /dev/urandom >src/large
	moved --splice -j 1
	last=$(calls statx)
	rm -r dst
	start_recv dst --secret-file key --no-tls
	change() { printf changed >>src/large; }
	us_stopping "statx:stop@$last" change send src "127.0.0.1:$PORT" --secret-file key --no-tls --splice -j 1
	[ "$status" -eq 23 ]
	[[ $stderr == *'src/large: copy: it changed while it was sent'* ]]
	run -0 us send src "127.0.0.1:$PORT" --secret-file key --no-tls --splice
	same_tree src dst
}

@test '--splice over ssh, in both directions' {
	need_fault
	printf '#!/bin/sh\nshift\nexec sh -c "$*"\n' >rsh
	chmod +x rsh
	URING_SYNC_FAULT_LOG=$T/calls run -0 us -a -e "$T/rsh" --remote-path "env -u URING_SYNC_FAULT_LOG $US_BIN" --splice src "host:$T/there"
	same_tree src there
	[ "$(calls sendpipe)" -ge 14 ]
	run -0 us -a -e "$T/rsh" --remote-path "URING_SYNC_FAULT_LOG=$T/calls-there $US_BIN" --splice "host:$T/src" here
	same_tree src here
	grep -q '^sendpipe ' calls-there
}

# Tests of the ring need one.
need_ring() {
	run us -v src probe
	[[ $output != *'io_uring is not available'* ]] || skip 'no io_uring here'
	rm -rf probe
}

@test '--uring: sends and receives by the ring, on one side or both, with splice and without' {
	local args
	need_ring
	for args in '--uring|' '|--uring' '--uring|--uring --splice' '--no-uring|--no-uring --splice'; do
		rm -rf dst
		# shellcheck disable=SC2086 # several options
		start_recv dst --secret-file key --no-tls --one-shot -v ${args%|*}
		# shellcheck disable=SC2086
		run -0 --separate-stderr us send src "127.0.0.1:$PORT" --secret-file key --no-tls -v ${args#*|}
		wait_recv
		[ "$status" -eq 0 ]
		same_tree src dst
		[ "$(grep -c 'note: sends by the ring, receives by the ring$' <<<"$stderr")" -eq "$(grep -c -- ' --uring' <<<" ${args#*|}")" ]
		[ "$(grep -c 'note: sends by the ring, receives by the ring$' recv.err)" -eq "$(grep -c -- ' --uring' <<<" ${args%|*}")" ]
	done
}

@test '--uring: OpenSSL makes its own calls' {
	start_recv dst --secret-file key --one-shot --ktls=off
	run -0 --separate-stderr us send src "127.0.0.1:$PORT" --secret-file key --ktls=off --uring -v
	[[ $stderr == *'note: sends by OpenSSL, receives by OpenSSL'* ]]
	wait_recv
	same_tree src dst
}

@test '--uring where io_uring is refused: plain calls, which is said once' {
	start_recv dst --secret-file key --no-tls --one-shot
	run -0 --separate-stderr nosys "$US_BIN" send src "127.0.0.1:$PORT" --secret-file key --no-tls --uring -v
	[ "$(grep -c 'note: sends by plain calls, receives by plain calls: io_uring is not available: ' <<<"$stderr")" -eq 1 ]
	wait_recv
	same_tree src dst
}

@test '--uring: short and refused calls, and a ring that stops in the middle' {
	local fault
	need_fault
	need_ring
	for fault in 'recv:short+' 'send:EAGAIN@5' 'submit:EIO@9+'; do
		rm -rf dst
		start_recv dst --secret-file key --no-tls --one-shot
		run -0 us_fault "$fault" send src "127.0.0.1:$PORT" --secret-file key --no-tls --uring -j 2
		wait_recv
		[ "$status" -eq 0 ]
		same_tree src dst
	done
	rm -rf dst
	URING_SYNC_FAULT='recv:short+,submit:EIO@20+' start_recv dst --secret-file key --no-tls --one-shot --uring
	run -0 us send src "127.0.0.1:$PORT" --secret-file key --no-tls
	wait_recv
	[ "$status" -eq 0 ]
	same_tree src dst
}

@test '--uring: an error of the socket is one at both ends' {
	need_fault
	need_ring
	start_recv dst --secret-file key --no-tls --one-shot --uring
	run -1 --separate-stderr us_fault 'send:EIO@6' send src "127.0.0.1:$PORT" --secret-file key --no-tls --uring -j 1
	[[ $stderr == *'send: Input/output error'* ]]
	wait_recv
	[ "$status" -eq 1 ]
}

# counted FILE: each row of --stats of files' ways, by its number: read and written, spliced, in ranges; whatever else there is.
counted() {
	sed -nE 's/^Files (read and written|spliced|by copy_file_range|reflinked|in ranges): /\1 /p' "$1" | paste -sd ,
}

@test '--stats: how contents moved, on both sides, and no row of what can not be there' {
	local nr option
	nr=$(find src -type f | wc -l)
	for option in --splice --large=1M; do
		rm -rf dst
		start_recv dst --secret-file key --no-tls --stats --one-shot
		us send src "127.0.0.1:$PORT" --secret-file key --no-tls -j 2 $option --stats >sent
		wait_recv
		same_tree src dst
		if [ $option = --splice ]; then
			# Those of 128 KiB and more: large, least, part; of one with holes the data are read.
			[ "$(counted sent)" = "read and written $((nr - 3)),spliced 3,in ranges 0" ]
			[ "$(counted recv.out)" = "read and written $nr,in ranges 0" ]
		else
			[ "$(counted sent)" = "read and written $nr,spliced 0,in ranges 1" ]
			[ "$(counted recv.out)" = "read and written $nr,in ranges 1" ]
		fi
		grep -q '^Listings by ' sent
		run ! grep -qE '^(Listings|Extents)' recv.out
	done
	# A rehearsal moves nothing.
	rm -r dst
	start_recv dst --secret-file key --stats --one-shot
	us send src "127.0.0.1:$PORT" --secret-file key -n --quiet --stats >sent
	wait_recv
	[ -z "$(counted sent)" ]
	grep -q "^Files copied: $nr\$" sent
	run ! grep -q ' a second: ' sent
}
