# SPDX-License-Identifier: MIT
# Calls that are interrupted, come up short or fail, wherever in the run that happens.
load lib

setup() {
	enter_test
	need_fault
	small_tree src 3 8
	head -c 700001 /dev/urandom >src/large
	head -c 5000 /dev/urandom >src/dir-1/medium
	ln -s large src/link
}

# One failure anywhere: exit 23, the message names it, what is there under a final name is whole.
one_failure() {
	local fault=$1 reason=$2 f
	rm -rf dst
	run --separate-stderr us_fault "$fault" "${@:3}" src dst
	[ "$status" -eq 23 ] || { echo "$fault: exit $status: $stderr"; return 1; }
	[[ $stderr == "uring-sync: "*": $reason"* ]] || { echo "$fault: $stderr"; return 1; }
	[ "$(summary failed)" -ge 1 ]
	while IFS= read -r -d '' f; do
		cmp "src/${f#dst/}" "$f" || { echo "$fault: $f is not whole"; return 1; }
	done < <(find dst -type f -print0)
	no_temporaries dst
}

unharmed() {
	local fault=$1
	rm -rf dst
	run --separate-stderr us_fault "$fault" "${@:2}" src dst
	[ "$status" -eq 0 ] || { echo "$fault: exit $status: $stderr"; return 1; }
	same_tree src dst || { echo "$fault: differs"; return 1; }
	no_temporaries dst
}

@test "EINTR is no failure, whatever it hits" {
	for op in openat statx mkdirat read write close fchmod utimens readlinkat symlinkat; do
		for n in 1 2 5; do
			unharmed "$op:EINTR@$n"
		done
	done
}

@test "EINTR while a file is replaced" {
	run -0 us src dst
	for op in openat rename write; do
		run -0 us_fault "$op:EINTR@2" src dst
		same_tree src dst
		no_temporaries dst
	done
}

@test "EAGAIN is tried again, whoever answers it, but not for ever" {
	for n in 1 9; do
		unharmed "read:EAGAIN@$n"
		unharmed "write:EAGAIN@$n"
	done
	one_failure 'write:EAGAIN+' 'Resource temporarily unavailable'
	[ "$(summary failed)" = 26 ]
}

@test "a call that does not exist can't be made to fail" {
	for fault in opnat:EIO openat:EWHAT openat openat:EIO@0; do
		status=0
		# A shell of its own keeps the note of the abort from the terminal.
		bash -c 'URING_SYNC_FAULT=$1 "$0" src dst; exit $?' "$US_BIN" "$fault" >out 2>&1 || status=$?
		[ "$status" -eq 134 ] || [ "$status" -eq 99 ]
		grep -q '^URING_SYNC_FAULT: ' out
	done
}

@test "short reads" {
	unharmed 'read:short+'
	unharmed 'read:short@3'
	unharmed 'read:short+' --chunk-size 4K -q 1
}

@test "short writes" {
	unharmed 'write:short+'
	unharmed 'write:short@3'
	unharmed 'write:short+' --chunk-size 4K
}

@test "short reads and writes together" {
	unharmed 'read:short+,write:short+'
}

@test "short splices" {
	unharmed 'splice:short+' --splice
	unharmed 'splice:short@2' --splice
	unharmed 'splice:short@3' --splice --chunk-size 4K
	unharmed 'splice:EINTR@3' --splice
}

@test "a splice that fails leaves nothing in the pipe for the next file" {
	for n in 1 2 3 4 5 6 7 8; do
		one_failure "splice:EIO@$n" 'Input/output error' --splice
	done
}

@test "splice that the file system cannot do is done another way" {
	unharmed 'splice:EINVAL+' --splice
	# Into the pipe it can, out of it it can't: of one file, at the first and at a later part.
	rm -rf src
	mkdir src
	seq 2000 | head -c 9000 >src/f
	for n in 2 4 6; do
		for error in EINVAL EOPNOTSUPP; do
			unharmed "splice:$error@$n+" --splice --chunk-size 4K
			unharmed "splice:$error@$n+,write:short+" --splice --chunk-size 4K
		done
	done
	one_failure 'splice:EINVAL@2+,readpipe:EIO' 'Input/output error' --splice
	one_failure 'splice:EINVAL@2+,write:EIO' 'Input/output error' --splice
}

@test "a read that fails" {
	for n in 1 2 7 20; do
		one_failure "read:EIO@$n" 'Input/output error'
	done
}

@test "a write that fails" {
	for n in 1 2 7 20; do
		one_failure "write:EIO@$n" 'Input/output error'
		[ "$(summary failed)" = 1 ]
	done
}

@test "every write fails: every file is reported, none is left" {
	one_failure 'write:EIO+' 'Input/output error'
	[ "$(summary files)" = 0 ]
	[ "$(summary failed)" = 26 ]
	[ -z "$(find dst -type f)" ]
	[ "$(readlink dst/link)" = large ]
}

@test "a close that fails after a write is a failure of that file" {
	one_failure 'close:EIO+' 'Input/output error'
	[ "$(summary files)" = 0 ]
}

@test "a directory that cannot be made" {
	one_failure 'mkdirat:EACCES@2' 'Permission denied'
	one_failure 'mkdirat:EACCES@4' 'Permission denied'
}

@test "a link that cannot be made" {
	one_failure 'symlinkat:EPERM' 'Operation not permitted'
	[ "$(summary symlinks)" = 0 ]
	[ "$(summary failed)" = 1 ]
}

@test "a mode or a time that cannot be set is reported" {
	chmod 0600 src/dir-0/file-0
	umask 0
	rm -rf dst
	run --separate-stderr us_fault 'utimens:EPERM@3' src dst
	[ "$status" -eq 23 ]
	[[ $stderr == *'Operation not permitted'* ]]
}

@test "a rename that fails keeps the old file and leaves nothing behind" {
	run -0 us src dst
	printf changed >src/dir-0/file-0
	printf changed >src/dir-2/file-7
	run -23 us_fault 'rename:EIO+' src dst
	[ "$(cat dst/dir-0/file-0)" = 'contents of 0 0' ]
	[ "$(cat dst/dir-2/file-7)" = 'contents of 2 7' ]
	no_temporaries dst
}

@test "a write that fails while a file is replaced keeps the old file" {
	run -0 us src dst
	for f in src/dir-*/file-*; do
		printf changed >"$f"
	done
	run -23 us_fault 'write:EIO+' src dst
	[ "$(cat dst/dir-0/file-0)" = 'contents of 0 0' ]
	[ "$(cat dst/dir-2/file-7)" = 'contents of 2 7' ]
	no_temporaries dst
}

@test "the source is whole after all of this" {
	cp -a src before
	for fault in read:EIO+ write:EIO+ close:EIO+ openat:EMFILE+ statx:EIO+ mkdirat:EIO+; do
		run us_fault "$fault" src dst
		[ "$status" -ne 0 ]
		[ "$status" -lt 128 ]
		same_tree before src
		rm -rf dst
	done
}

@test "any call may fail at any time without a crash or a hang" {
	for op in openat statx mkdirat read write close rename unlinkat fchmod utimens readlinkat symlinkat; do
		for n in 1 3 6; do
			URING_SYNC_FAULT="$op:EIO@$n" run timeout 60 "$US_BIN" ${US_ARGS:-} src dst
			[[ $status -eq 0 || $status -eq 1 || $status -eq 23 || $status -eq 24 ]] ||
				{ echo "$op@$n: exit $status: $output"; return 1; }
			rm -rf dst
		done
	done
}
