# SPDX-License-Identifier: MIT
# Holes: where they lie to the block, and what --sparse makes of them; sparse.bats has the basics.
load lib

blocks() {
	du -k -- "$1" | cut -f1
}

setup() {
	enter_test
	truncate -s 1M probe
	[ "$(blocks probe)" -lt 100 ] || skip 'no holes here'
	mkdir src
}

# put FILE OFFSET TEXT
put() {
	printf '%s' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# Where the data of FILE lie, as the kernel tells: START-END...
extents() {
	python3 - "$1" <<-'END'
		import os, sys
		fd = os.open(sys.argv[1], os.O_RDONLY)
		at, size = 0, os.fstat(fd).st_size
		while at < size:
		    try:
		        start = os.lseek(fd, at, os.SEEK_DATA)
		    except OSError:
		        break
		    at = os.lseek(fd, start, os.SEEK_HOLE)
		    print(f"{start}-{at}", end=" ")
	END
}

@test "data and holes lie in the copy where they lie in the source" {
	truncate -s 8388613 src/only
	truncate -s 8388613 src/leading
	put src/leading 8388610 end
	put src/trailing 0 begin
	truncate -s 8388613 src/trailing
	put src/middle 0 begin
	put src/middle 8388610 end
	put src/islands 4096 a
	put src/islands 1048576 b
	put src/islands 1052671 c
	put src/islands 5000000 d
	truncate -s 8388608 src/islands
	truncate -s 1 src/one-byte
	truncate -s 4096 src/one-block
	truncate -s 4097 src/block-and-byte
	for args in '' '--chunk-size 4K -q 1' --splice -a --checksum; do
		rm -rf dst
		run -0 us $args src dst
		same_tree src dst
		for f in src/*; do
			[ "$(extents "$f")" = "$(extents "dst/${f#src/}")" ] || { echo "$args $f"; return 1; }
			[ "$(blocks "$f")" -ge "$(blocks "dst/${f#src/}")" ]
		done
	done
}

@test "a file that is replaced by one with holes has no byte of the old one" {
	truncate -s 3M src/f
	put src/f 1500000 data
	mkdir dst
	head -c 5M /dev/urandom >dst/f
	run -0 us src dst
	same_tree src dst
	[ "$(blocks dst/f)" -lt 100 ]
	head -c 3M /dev/urandom >dst/f
	run -0 us --checksum src dst
	same_tree src dst
	[ "$(blocks dst/f)" -lt 100 ]
}

@test "1 TiB that is a hole, with data at both ends and in the middle" {
	truncate -s 1T src/huge 2>/dev/null || skip 'no file of 1 TiB here'
	put src/huge 0 a
	dd if=/dev/urandom of=src/huge bs=4k seek=134217728 count=3 conv=notrunc status=none
	put src/huge 1099511627775 z
	truncate -s 1T src/only
	for args in '' --sparse=always; do
		rm -rf dst
		run -0 timeout 60 "$US_BIN" ${US_ARGS:-} $args src dst
		[ "$(stat -c %s dst/huge dst/only | sort -u)" = 1099511627776 ]
		[ "$(extents dst/huge)" = "$(extents src/huge)" ]
		[ "$(blocks dst/huge)" -lt 100 ]
		[ "$(blocks dst/only)" -lt 100 ]
		cmp <(dd if=src/huge bs=4k skip=134217727 count=5 status=none) \
			<(dd if=dst/huge bs=4k skip=134217727 count=5 status=none)
	done
}

@test "--sparse=always finds blocks of zeros, wherever they lie, and writes the rest" {
	head -c 1M /dev/zero >src/zeros
	{ head -c 100000 /dev/zero; printf x; head -c 200000 /dev/zero; } >src/island
	{ head -c 5000 /dev/urandom; head -c 300000 /dev/zero; } >src/tail
	{ head -c 300000 /dev/zero; head -c 5000 /dev/urandom; } >src/head
	head -c 4095 /dev/zero >src/short
	: >src/empty
	for args in "" "--chunk-size 4K" --splice "--reflink=never"; do
		rm -rf dst
		run -0 us --sparse=always $args src dst
		same_tree src dst
		[ "$(blocks dst/zeros)" -lt 8 ]
		[ "$(blocks dst/short)" -lt 8 ]
		for f in island tail head; do
			[ "$(blocks "dst/$f")" -le 20 ] || { echo "$args $f"; return 1; }
		done
	done
	# What is not asked for is not made.
	run -0 us src plain
	[ "$(blocks plain/zeros)" -ge 1024 ]
}

@test "--sparse=never fills every hole" {
	truncate -s 2M src/only
	put src/middle 0 begin
	put src/middle 2000000 end
	for args in '' --splice '-a'; do
		rm -rf dst
		run -0 us --sparse=never $args src dst
		same_tree src dst
		[ "$(blocks dst/only)" -ge 2048 ]
		[ "$(blocks dst/middle)" -ge 1950 ]
	done
}

@test "the sum of bytes is that of what was written or passed over, alike in every mode" {
	truncate -s 1M src/hole
	printf x >>src/hole
	run -0 us --sparse=never src full
	[ "$(summary bytes)" = 1048577 ]
	run -0 us src dst
	[ "$(summary files)" = 1 ]
	[ "$(summary bytes)" -le 1048577 ]
}

@test "a hole that can't be made at the end is a failure of that file" {
	need_fault
	truncate -s 2M src/only
	printf x >src/other
	run -23 us_fault ftruncate:EIO+ src dst
	[ ! -e dst/only ]
	cmp src/other dst/other
	no_temporaries dst
}

# The source is touched while it is compared.
touch_once() {
	[ -e touched ] || touch src/f touched
}

@test "what is compared is compared in its holes, too, and again when it changes meanwhile" {
	need_fault
	mkdir dst
	truncate -s 1M src/f
	printf end >>src/f
	cp --sparse=never src/f dst/f
	printf x | dd of=dst/f bs=1 seek=5000 conv=notrunc status=none
	us_stopping read:stop+ touch_once --checksum -c 64K src dst
	[ "$status" -eq 0 ]
	cmp src/f dst/f
	rm touched
	cp --sparse=never src/f dst/f
	run -0 us --checksum -i -c 64K src dst
	cmp src/f dst/f
}
