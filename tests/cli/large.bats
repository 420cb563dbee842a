# SPDX-License-Identifier: MIT
# Files that are copied in ranges: --large=64K with requests of 4K makes ranges of 32K.
load lib

RANGES='--large=64K -c 4K'

# Sizes about a block, the threshold and the ends of ranges.
odd_sizes() {
	local size
	mkdir "$1"
	for size in 0 1 4095 4096 4097 65535 65536 65537 98303 98304 98305 700001; do
		head -c $size /dev/urandom >"$1/$size"
	done
}

# copied ARGS...: src becomes dst, and all is right.
copied() {
	rm -rf dst
	# shellcheck disable=SC2086
	run -0 --separate-stderr us $RANGES "$@" src dst
	same_tree src dst
	no_temporaries dst
}

@test "odd sizes, each way of copying" {
	odd_sizes src
	for way in auto rw splice cfr; do
		copied --copy=$way
	done
	copied -a --sparse=always
	# What they replace is replaced, and what is the same is left.
	for f in src/*; do
		head -c 80000 /dev/zero >"dst/${f#src/}"
	done
	# shellcheck disable=SC2086
	run -0 us $RANGES --checksum src dst
	same_tree src dst
	# shellcheck disable=SC2086
	run -0 us $RANGES --checksum src dst
	[ "$(summary unchanged)" = 12 ]
	[ "$(summary bytes)" = 0 ]
}

@test "past the page cache in each way there is, with short transfers in the middle" {
	need_fault
	odd_sizes src
	for cache in '' dontcache:EOPNOTSUPP+ dontcache:EOPNOTSUPP+,fcntl:EINVAL+; do
		for more in '' read:short+,write:short+ read:short@20,write:short@9 read:EINTR@20,write:EINTR@30; do
			URING_SYNC_FAULT=$cache,$more
			URING_SYNC_FAULT=${URING_SYNC_FAULT#,}
			URING_SYNC_FAULT=${URING_SYNC_FAULT%,}
			export URING_SYNC_FAULT
			copied
		done
	done
	URING_SYNC_FAULT=dontcache:EOPNOTSUPP+ copied --sparse=always
	URING_SYNC_FAULT=copy_file_range:EXDEV+ copied --copy=cfr
	URING_SYNC_FAULT=copy_file_range:EIO@5+ copied --copy=cfr
	URING_SYNC_FAULT=fallocate:EOPNOTSUPP+ copied
}

@test "a range that fails costs the file, once, and nothing of it stays" {
	need_fault
	mkdir src
	head -c 700001 /dev/urandom >src/large
	for fault in read:EIO@40+ write:EIO@40+ read:EIO@90 write:EIO@90; do
		rm -rf dst
		# shellcheck disable=SC2086
		run -23 --separate-stderr us_fault $fault $RANGES src dst
		[ "$(printf '%s\n' "$stderr" | wc -l)" -eq 1 ]
		[[ $stderr == *"/large: ${fault%%:*}: Input/output error" ]]
		[ "$(summary failed)" = 1 ]
		[ ! -e dst/large ]
		no_temporaries dst
	done
	# What it was to replace stays.
	mkdir -p dst
	printf old >dst/large
	# shellcheck disable=SC2086
	run -23 us_fault write:EIO@40+ $RANGES src dst
	[ "$(cat dst/large)" = old ]
	no_temporaries dst
}

@test "space is reserved first: a full destination shows before anything is written" {
	mkdir src
	head -c 9000000 /dev/urandom >src/large
	mount_tmpfs dst size=4M
	run -1 --separate-stderr us --large=64K src dst
	[[ $stderr == *'large: reserve space: No space left on device' ]]
	[ -z "$(ls -A dst)" ]
	[ "$(summary bytes)" = 0 ]
	# But not for what will be holes.
	truncate -s 9000000 src/hole
	truncate -s 0 src/large
	run -0 us --large=64K src dst
	same_tree src dst
}

@test "a full destination in the middle" {
	need_fault
	mkdir src
	head -c 700001 /dev/urandom >src/large
	# shellcheck disable=SC2086
	run -1 --separate-stderr us_fault write:ENOSPC@50+ $RANGES src dst
	[ "$(printf '%s\n' "$stderr" | wc -l)" -eq 1 ]
	[[ $stderr == *'large: write: No space left on device' ]]
	[ -z "$(ls -A dst)" ]
}

# once_at N: the hook that calls change at the Nth read.
once_at() {
	n=$((n + 1))
	[ $n -ne "$at" ] || change
}

@test "a file that changes while its ranges are read is copied again" {
	need_fault
	mkdir src
	for harm in 'truncate -s 100001' 'truncate -s 20' 'dd if=new conv=notrunc,nocreat status=none of=' 'tee -a'; do
		head -c 300001 /dev/urandom >new
		head -c 300001 /dev/urandom >src/f
		change() {
			case $harm in
			*=) ${harm}src/f ;;
			*) $harm src/f >/dev/null <new ;;
			esac
		}
		n=0 at=30
		rm -rf dst
		# shellcheck disable=SC2086
		us_stopping read:stop@30+ once_at $RANGES src dst
		[ "$status" -eq 0 ] || { echo "$harm: $status $stderr"; return 1; }
		cmp src/f dst/f
		same_tree src dst
	done
}

@test "one that does not come to rest is a failure, and no zeros are made up" {
	need_fault
	mkdir src
	head -c 300001 /dev/urandom >src/f
	shrink() { truncate -s "$((300001 - 100 * (n = n + 1)))" src/f; }
	n=0
	# shellcheck disable=SC2086
	us_stopping read:stop+ shrink $RANGES src dst
	[ "$status" -eq 23 ]
	[[ $stderr == *'it changed while it was read, twice' ]]
	[ "$(stat -c %s dst/f)" -ge "$(stat -c %s src/f)" ]
	cmp -n "$(stat -c %s src/f)" src/f dst/f
}

@test "holes stay holes, in a file of 1 TiB too" {
	mkdir src
	truncate -s 1T src/f 2>/dev/null || skip 'no file can be so large here'
	for at in 0 1000 262143 100000000; do
		printf 'data at %s' $at | dd of=src/f bs=4K seek=$at conv=notrunc status=none
	done
	[ "$(du -k src/f | cut -f1)" -lt 1000 ] || skip 'there are no holes here'
	run -0 us src dst
	[ "$(stat -c %s dst/f)" = $((1 << 40)) ]
	[ "$(du -k dst/f | cut -f1)" -lt 1000 ]
	for at in 0 1000 262143 100000000; do
		cmp <(dd if=src/f bs=4K skip=$at count=2 status=none) <(dd if=dst/f bs=4K skip=$at count=2 status=none)
	done
	[ "$(summary bytes)" -lt 1000000 ]
	# Many small ones, and one at each end of a range.
	rm -rf src dst
	mkdir src
	for ((at = 1; at < 60; at += 2)); do
		head -c 4096 /dev/urandom | dd of=src/f bs=4K seek=$at conv=notrunc status=none
	done
	truncate -s 300000 src/f
	copied
	[ "$(du -k dst/f | cut -f1)" -le "$(($(du -k src/f | cut -f1) + 8))" ]
	head -c 300000 /dev/zero >src/zeros
	copied --sparse=always
	[ "$(du -k dst/zeros | cut -f1)" -le 8 ]
}

@test "sums of large files are taken in order" {
	odd_sizes src
	truncate -s 100000 src/hole
	printf data >>src/hole
	for args in --hash=sha256 '--hash=sha256 --sparse=always' '--hash=sha256 --verify'; do
		# shellcheck disable=SC2086
		copied $args --checksum-file=sums
		[ "$(wc -l <sums)" = 13 ]
		(cd dst && sha256sum --quiet -c ../sums)
	done
}

@test "with 64 descriptors, with hard links, and in a directory of small files" {
	odd_sizes src
	small_tree src/more 4 50
	cp src/700001 src/more/dir-1/large
	ln src/700001 src/more/dir-2/linked
	rm -rf dst
	# shellcheck disable=SC2086,SC2016
	run -0 bash -c 'ulimit -n 64; exec "$0" "$@"' "$US_BIN" ${US_ARGS:-} $RANGES -a src dst
	same_archive src dst
	same_inode dst/700001 dst/more/dir-2/linked
}

# killed_at SECONDS ARGS...: run the program and kill it then.
killed_at() {
	local seconds=$1 pid
	shift
	# shellcheck disable=SC2086
	"$US_BIN" ${US_ARGS:-} "$@" >out 2>err 3>&- &
	pid=$!
	sleep "$seconds"
	kill -KILL $pid
	status=0
	wait $pid 2>/dev/null || status=$?
	[ "$status" -eq 137 ]
}

@test "killed in the middle of ranges: what is gone on with is right, and most of it is kept" {
	mkdir src
	head -c 40M /dev/urandom >src/large
	for more in '' --fsync; do
		rm -rf dst journal
		# Ranges of 256K, so with up to 8 workers no byte is written 4 MiB behind one that is not.
		# shellcheck disable=SC2086
		killed_at 1.5 -j 8 --large=1M -c 64K --bwlimit=12M $more --resume=journal src dst
		[ ! -e dst/large ]
		part=$(find dst -name '.uring-sync.*.*')
		size=$(stat -c %s "$part")
		[ "$size" -gt 5000000 ]
		# shellcheck disable=SC2086
		run -0 us -j 8 --large=1M -c 64K $more --resume=journal src dst
		cmp src/large dst/large
		no_temporaries dst
		bytes=$(summary bytes)
		if [ -z "$more" ]; then
			[ "$bytes" -le $((40 * 1024 * 1024 - size + 4 * 1024 * 1024 + 4096)) ]
			[ "$bytes" -ge $((40 * 1024 * 1024 - size)) ]
		fi
	done
}

# What us_stopping has started is killed where it stands.
kill_it() {
	kill -KILL "$pid"
}

@test "killed in the middle of ranges under its final name: it has not the size of a complete one" {
	local fault moments n way
	need_fault
	mkdir src
	head -c 393217 /dev/urandom >src/large
	# 13 ranges, of 8 writes each, or one call of the kernel's.
	for fault in write ftruncate:EFBIG,write copy_file_range; do
		way=rw moments='60 85 90 92 93 94 95 96 97'
		[ $fault != copy_file_range ] || way=cfr moments='8 10 11 12 13'
		for n in $moments; do
			rm -rf dst
			# shellcheck disable=SC2086
			us_stopping "$fault:stop@$n" kill_it $RANGES -j 4 --copy=$way src dst
			[ "$status" -eq 137 ]
			if ! cmp -s src/large dst/large; then
				[ "$(stat -c %s dst/large)" != 393217 ]
			fi
			run -0 us --modify-window=3600 src dst
			cmp src/large dst/large
			no_temporaries dst
		done
	done
}

@test "files may be no longer than they may be: what fits is copied, the rest is a failure with its path" {
	mkdir src
	head -c 393216 /dev/urandom >src/fits
	head -c 393217 /dev/urandom >src/larger
	# shellcheck disable=SC2086
	run -23 --separate-stderr prlimit --fsize=393216 "$US_BIN" ${US_ARGS:-} $RANGES src dst
	[[ $stderr == *dst/larger*'File too large'* ]]
	cmp src/fits dst/fits
	[ ! -e dst/larger ]
	no_temporaries dst
	# shellcheck disable=SC2086
	run -23 --separate-stderr prlimit --fsize=393216 "$US_BIN" ${US_ARGS:-} src dst
	[[ $stderr == *dst/larger*'File too large'* ]]
	[ ! -e dst/larger ]
}

@test "interrupted in the middle of ranges: nothing stays" {
	mkdir src
	head -c 20M /dev/urandom >src/large
	# shellcheck disable=SC2086
	"$US_BIN" ${US_ARGS:-} --large=1M -c 64K --bwlimit=8M src dst >out 2>err 3>&- &
	pid=$!
	sleep 0.5
	kill -INT $pid
	status=0
	wait $pid || status=$?
	[ "$status" -eq 130 ]
	[ -z "$(ls -A dst)" ]
}

# Pages of FILE that are in the page cache.
cached_pages() {
	fincore -nbo PAGES "$1" | tr -d ' '
}

@test "what the user works with stays in the page cache, and the copy does not come into it" {
	need_fault
	mount_image ext4 fs 200M
	mkdir fs/src
	head -c 32M /dev/urandom >fs/src/large
	head -c 4M /dev/urandom >fs/work
	sync fs
	for fault in '' dontcache:EOPNOTSUPP+ dontcache:EOPNOTSUPP+,fcntl:EINVAL+; do
		rm -rf fs/dst
		dd of=fs/src/large oflag=nocache conv=notrunc,fdatasync count=0 status=none
		[ "$(cached_pages fs/src/large)" -eq 0 ] || skip 'the cache does not forget here'
		cat fs/work >/dev/null
		[ "$(cached_pages fs/work)" -eq 1024 ]
		run -0 us_fault "$fault" --large=1M fs/src fs/dst
		sync fs
		[ "$(cached_pages fs/work)" -eq 1024 ]
		# Of 8,192.  What was just being written or read ahead can not be dropped.
		for f in fs/src/large fs/dst/large; do
			[ "$(cached_pages $f)" -le 1024 ] || { echo "$fault: $f: $(cached_pages $f) pages"; return 1; }
		done
		cmp fs/src/large fs/dst/large
		# A source that the user works with stays, too.
		cat fs/src/large >/dev/null
		us_fault "$fault" --large=1M -I fs/src fs/dst >/dev/null
		[ "$(cached_pages fs/src/large)" -eq 8192 ]
	done
	# Where the kernel does not tell what is cached.
	dd of=fs/src/large oflag=nocache conv=notrunc,fdatasync count=0 status=none
	run -0 us_fault cachestat:ENOSYS+,dontcache:EOPNOTSUPP+,fcntl:EINVAL+ --large=1M -I fs/src fs/dst
	for f in fs/src/large fs/dst/large; do
		[ "$(cached_pages $f)" -le 1024 ]
	done
	# What can't be brought to the disk is not copied.
	run -23 --separate-stderr us_fault dontcache:EOPNOTSUPP+,fcntl:EINVAL+,sync_file_range:EIO@20 --large=1M fs/src fs/new
	[[ $stderr == *'/new/large: write: Input/output error' ]]
	[ -z "$(ls -A fs/new)" ]
}

@test "wrong values, and what contradicts itself" {
	mkdir src
	run -2 us --large=1K src dst
	run -2 us --large=2048G src dst
	run -2 us --copy=fast src dst
	run -2 us --copy=rw --reflink=always src dst
	run -2 us --copy=reflink --reflink=never src dst
	run -2 us --copy=reflink --sparse=always src dst
	run -2 us --copy=reflink --verify src dst
	[ ! -e dst ]
	run -0 us -v --copy=cfr --large=1M src dst
	[[ $output == *' copy=cfr '* ]]
}
