# SPDX-License-Identifier: MIT
# Each call of a copy fails once, each time in a run of its own (tests/tools/sweep.c): the program ends by itself, says what went
# wrong, leaves no half file, no descriptor and (under ASan) no memory, and the next run completes the copy.
#
# By hand, all calls: US_SWEEP='-f 100000' bats ...
load ../lib

setup() {
	enter_test
	need_fault
	# The first calls of each kind, and then every so many-th; most of them where a sanitizer watches.
	if ldd "$US_BIN" | grep -q libasan; then
		thin=(-f 3 -e 31)
	else
		thin=(-f 1 -e 61)
	fi
	[ -z "${US_SWEEP:-}" ] || read -ra thin <<<"$US_SWEEP"
}

# A few entries of each kind.
make_source() {
	mkdir -p src/a/b src/c src/empty
	for n in 1 2 3; do echo "file $n" >src/a/f$n; done
	echo deep >src/a/b/deep
	head -c 9000 /dev/urandom >src/c/medium
	: >src/c/zero
	truncate -s 100K src/sparse
	printf x | dd of=src/sparse bs=1 seek=50000 conv=notrunc status=none
	# One that a journal keeps account of by itself.
	truncate -s 17M src/c/part
	printf tail | dd of=src/c/part bs=1 seek=17000000 conv=notrunc status=none
	ln -s f1 src/a/link
	ln -s nowhere src/dangling
	ln src/a/f2 src/c/hard
	ln src/a/f2 src/hard
	ln src/dangling src/c/dangling
	mkfifo src/fifo
	setfattr -n user.one -v 1 src/a/f3
	setfattr -n user.dir -v 2 src/c
	setfacl -m u:65534:r src/c/medium
	setfacl -d -m u:65534:rx src/empty
	chmod 0750 src/c
	if [ "$(id -u)" -eq 0 ]; then
		mknod src/null c 1 3
		chown 1000:1000 src/a/f1
		chown -h 1000:1000 src/dangling
	fi
	chmod 4755 src/a/b/deep
	touch -d 2001-01-01 src/a/f1 src/c/medium
	touch -d 2002-02-02 src/a src/c src/empty src
}

# An older copy, in which something of each kind differs.
make_before() {
	mkdir before
	cp -a src before/dst
	(
		cd before/dst || exit 1
		echo other >a/f1
		echo older >a/b/deep
		chmod 600 a/f3
		setfattr -x user.one a/f3
		rm c/hard fifo dangling c/dangling
		echo x >c/hard
		echo 'was no fifo' >fifo
		ln -s else dangling
		# A directory that holds a backup stays.
		[ "$1" = backup ] || { mkdir -p gone/sub; echo gone >gone/sub/f; }
		echo gone >gone2
		rmdir empty
		echo 'no directory' >empty
		[ "$1" != over ] || { rm c/zero; mkdir c/zero; echo inside >c/zero/inside; }
		touch -d 2003-03-03 a/f1 c
	)
}

# swept SWEEP-OPTION... -- OPTION...
swept() {
	local options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	sweep "${thin[@]}" -p "$US_TOOLS/../src/uring-sync" "${options[@]}" "$US_BIN" -a -j 1 "$@"
}

@test "a new copy, in each mode" {
	make_source
	for io in inline async sync; do
		swept -- --io=$io
	done
	swept -o splice,pipe,read,write -- --splice --chunk-size=4K
}

@test "with four workers" {
	make_source
	swept -- -j 4 --io=async
}

@test "an older copy is brought up to date, with what is not in the source deleted" {
	make_source
	make_before over
	swept -- --delete
	swept -- --delete --checksum --io=async
}

@test "an older copy, and nothing of it is lost" {
	make_source
	make_before backup
	swept -- --delete --backup
}

@test "an older copy, with a directory for temporary files" {
	make_source
	make_before
	mkdir before/temp
	swept -- --delete --temp-dir=../temp
}

@test "an earlier copy to make links to" {
	make_source
	mkdir before
	cp -a src before/earlier
	echo other >before/earlier/a/f1
	# The source's hard links are not the reference's.
	swept -c -OX -- --link-dest=../earlier
}

@test "with a journal, what is complete on the disk" {
	make_source
	swept -- --resume=journal --fsync
}

@test "an older copy, with a journal" {
	make_source
	make_before
	swept -- --delete --resume=journal
}

@test "a journal of a run that was stopped" {
	make_source
	mkdir run
	(cd run && run -1 us_fault write:ENOSPC@3+ -a -j 1 --resume=journal ../src dst)
	[ -s run/journal ]
	mv run before
	swept -- --resume=journal
}

@test "what a killed run has left" {
	make_source
	make_before
	: >before/dst/.uring-sync.run
	cp before/dst/c/medium before/dst/c/.uring-sync.0123456789abcdef.0.1
	: >before/dst/.uring-sync.0123456789abcdef.0.2
	swept -- --delete
}

@test "read back, with sums" {
	make_source
	swept -- --verify --fsync --checksum-file=sums
}

@test "errors that pass do no harm" {
	make_source
	make_before backup
	# What close(2) and fclose(3) answer is final; a ring that does not come is done without; memory does not fail so.
	for error in EINTR EAGAIN ESTALE; do
		swept -z -a $error -x alloc,close,fclose,fopen,mmap,thread,dup,flock,fstatfs,probe,ring,unshare -- \
			--delete --backup --resume=journal
	done
	swept -z -a EINTR -x alloc,fclose,fopen,mmap,thread -- --delete --backup
	swept -z -a ENOMEM -o submit -- --delete --io=async
}
