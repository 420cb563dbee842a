# SPDX-License-Identifier: MIT
# Holes, and blocks that are shared.
load lib

# blocks FILE: KiB on the disk.
blocks() {
	du -k -- "$1" | cut -f1
}

need_holes() {
	truncate -s 1M probe
	[ "$(blocks probe)" -lt 100 ] || skip 'no holes here'
}

@test "leading, middle and trailing holes, and nothing but a hole" {
	need_holes
	mkdir src
	truncate -s 20M src/leading
	printf end >>src/leading
	printf start >src/trailing
	truncate -s 20M src/trailing
	printf start >src/middle
	truncate -s 10M src/middle
	printf mid >>src/middle
	truncate -s 30M src/middle
	printf end >>src/middle
	truncate -s 50M src/only
	for ((i = 0; i < 40; i++)); do
		printf '%s' "$i" | dd of=src/fragments bs=64k seek=$((i * 3)) conv=notrunc status=none
	done
	run -0 us src dst
	same_tree src dst
	for f in leading trailing middle only fragments; do
		[ "$(blocks "dst/$f")" -le "$(($(blocks "src/$f") + 64))" ]
	done
}

@test "a hole of 1 TiB costs nothing" {
	need_holes
	mkdir src
	truncate -s 1T src/huge 2>/dev/null || skip 'no file of 1 TiB here'
	printf end >>src/huge
	run -0 timeout 30 "$US_BIN" ${US_ARGS:-} src dst
	[ "$(stat -c %s dst/huge)" = $((1099511627776 + 3)) ]
	[ "$(tail -c 3 dst/huge)" = end ]
	[ "$(blocks dst/huge)" -lt 1000 ]
}

@test "--sparse=never fills holes, --sparse=always makes some" {
	need_holes
	mkdir src
	truncate -s 2M src/hole
	printf x >>src/hole
	head -c 2M /dev/zero >src/zeros
	printf x >>src/zeros
	run -0 us --sparse=never src full
	same_tree src full
	[ "$(blocks full/hole)" -ge 2000 ]
	run -0 us --sparse=always src empty
	same_tree src empty
	[ "$(blocks empty/zeros)" -lt 200 ]
	[ "$(blocks empty/hole)" -lt 200 ]
	run -2 us --sparse=maybe src other
	[[ $output == *"--sparse: 'maybe' is not valid: one of auto, always, never"* ]]
}

@test "a sparse file that is replaced, compared and spliced" {
	need_holes
	mkdir src dst
	truncate -s 5M src/f
	printf x >>src/f
	head -c 5242881 /dev/urandom >dst/f
	run -0 us src dst
	same_tree src dst
	[ "$(blocks dst/f)" -lt 200 ]
	head -c 5242881 /dev/urandom >dst/f
	run -0 us --checksum src dst
	same_tree src dst
	[ "$(blocks dst/f)" -lt 200 ]
	run -0 us --splice src spliced
	same_tree src spliced
}

@test "--reflink=always fails where blocks can't be shared, auto copies" {
	mkdir src
	printf x >src/f
	cp --reflink=always src/f probe 2>/dev/null && skip 'blocks can be shared here'
	run -23 --separate-stderr us --reflink=always src dst
	[[ $stderr == *'dst/f: reflink: '* ]]
	[ ! -e dst/f ]
	run -0 us --reflink=auto src dst
	same_tree src dst
}

@test "blocks are shared on Btrfs" {
	need_root
	mkdir fs
	truncate -s 300M img
	mkfs.btrfs -q img >/dev/null 2>&1 || skip 'no mkfs.btrfs'
	mount -o loop img fs 2>/dev/null || skip 'no Btrfs to mount'
	MOUNTED=$T/fs
	mkdir fs/src
	head -c 30M /dev/urandom >fs/src/f
	sync fs/src/f
	before=$(df -k --output=used fs | tail -n 1)
	run -0 us --reflink=always fs/src fs/dst
	sync fs/dst/f
	after=$(df -k --output=used fs | tail -n 1)
	[ $((after - before)) -lt 10000 ]
	same_tree fs/src fs/dst
	# Also where contents were compared first, and where the file changed meanwhile.
	printf x | dd of=fs/dst/f bs=1 seek=1000 conv=notrunc status=none
	run -0 us --checksum --reflink=always fs/src fs/dst
	sync fs/dst/f
	cmp fs/src/f fs/dst/f
	[ "$(df -k --output=used fs | tail -n 1)" -lt $((before + 10000)) ]
	run -0 us fs/src away
	same_tree fs/src away
	# What is to have no holes is no clone of what has some.
	truncate -s 4M fs/src/hole
	run -0 us --sparse=never fs/src fs/full
	[ "$(stat -c %b fs/full/hole)" -ge 8000 ]
}
