# SPDX-License-Identifier: MIT
# --order: each value on each file system, what is chosen where, and the order that files are really taken in.
load ../lib

# Every order, and each I/O mode with one at least, from the mounted directory from.
each_order() {
	local order io i=0 modes=(inline async sync)
	for order in auto inode extent name none; do
		io=${modes[i++ % 3]}
		run -0 --separate-stderr us "--io=$io" "--order=$order" -a from/zoo "to-$order"
		[ -z "$stderr" ]
		same_archive from/zoo "to-$order"
		rm -rf "to-$order"
	done
}

# A zoo that all of them take, with files enough for a sample.
make_zoo() {
	mkzoo -a from/zoo >/dev/null
	rm -f from/zoo/links/long
	touch -d 2001-01-01 from/zoo/links
}

# make_shuffled DIR DIRS FILES: empty files first, then their contents in a shuffled order, brought to the disk.
make_shuffled() {
	python3 - "$@" <<-'END'
	import os, random, sys
	root, dirs, files = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
	rng = random.Random(1)
	for d in range(dirs):
	    os.makedirs(f'{root}/{d}')
	    names = [f'{root}/{d}/{n:05}' for n in range(files)]
	    for name in names:
	        open(name, 'w').close()
	    rng.shuffle(names)
	    for name in names:
	        with open(name, 'w') as file:
	            file.write(name.ljust(4000))
	END
	sync -f "$1"
}

# The files of a run under strace -f that match a pattern, in order, from the trace on stdin.
names_of() {
	grep -E "$1" | sed -nE 's|.*/([0-9]{5})[">].*|\1|p; s|.*"([0-9]{5})".*|\1|p'
}

@test "each order makes the same copy of ext4" {
	need_root
	mount_image ext4 from 64M
	make_zoo
	each_order
}

@test "each order makes the same copy of XFS" {
	need_root
	mount_image xfs from 320M
	make_zoo
	each_order
}

@test "each order makes the same copy of Btrfs" {
	need_root
	mount_image btrfs from 200M
	make_zoo
	each_order
}

@test "each order makes the same copy of tmpfs" {
	need_root
	mount_tmpfs from size=100M
	make_zoo
	each_order
}

@test "each order makes the same copy of FUSE" {
	need_root
	mount_passfs back from
	make_zoo
	each_order
}

@test "-v says once for each file system what was chosen" {
	need_root
	mkdir src
	mount_image ext4 src/ext4 32M
	mount_image xfs src/xfs 320M
	mount_image btrfs src/btrfs 120M
	mount_tmpfs src/tmpfs size=1M
	mount_passfs src/back src/fuse
	btrfs subvolume create src/btrfs/sub >/dev/null
	for fs in ext4 xfs btrfs btrfs/sub tmpfs fuse; do
		mkdir -p "src/$fs/deeper/still"
		echo x >"src/$fs/deeper/file"
	done
	run -0 --separate-stderr us -v --stats src dst
	same_tree src dst
	echo "$stderr"
	# What src itself lies on has a line of its own, and a Btrfs has one whatever subvolumes there are.
	for note in inode:ext4 inode:XFS none:tmpfs none:FUSE; do
		dev=$(mountpoint -d "src/$(tr '[:upper:]' '[:lower:]' <<<"${note#*:}")")
		run -0 grep -c "note: order=${note%:*} for ${note#*:}, device $dev$" <<<"$stderr"
		[ "$output" = 1 ]
	done
	run -0 grep -c 'note: order=inode for Btrfs, ' <<<"$stderr"
	[ "$output" = 1 ]
}

@test "opens are made in the order asked for" {
	need_strace
	mkdir src
	# Names and inodes in different orders.
	for i in $(seq 100 -1 1); do
		printf 'x' >"$(printf 'src/%05d' $((i * 7919 % 99991)))"
	done
	run -0 env ASAN_OPTIONS=detect_leaks=0 strace -f -e trace=openat -o trace "$US_BIN" -j 1 --io=inline --order=name src by-name
	names_of 'O_RDONLY' <trace >opened
	[ "$(wc -l <opened)" -eq 100 ]
	sort opened | diff - opened
	run -0 env ASAN_OPTIONS=detect_leaks=0 strace -f -e trace=openat -o trace "$US_BIN" -j 1 --io=inline --order=inode src by-inode
	names_of 'O_RDONLY' <trace >opened
	ls -i src | sort -n | awk '{print $2}' | diff - opened
	run -0 env ASAN_OPTIONS=detect_leaks=0 strace -f -e trace=openat -o trace "$US_BIN" -j 1 --io=inline --order=none src unordered
	names_of 'O_RDONLY' <trace >opened
	ls -U src | diff - opened
}

@test "reads are made in the order of extents, across directories; a sample finds out that they have to" {
	need_root
	need_strace
	mount_image ext4 from 64M
	make_shuffled from/src 6 400
	# Without a ring each read is a call.
	run -0 env ASAN_OPTIONS=detect_leaks=0 strace -f -y -e trace=pread64 -o trace "$US_BIN" -j 1 --io=sync --order=extent from/src to
	same_tree from/src to
	grep -oE '/from/src/[0-9]+/[0-9]+' trace | uniq | awk '!seen[$0]++' >read
	[ "$(wc -l <read)" -eq 2400 ]
	while read -r name; do
		filefrag -b4096 -v ".$name" | awk '$1 == "0:" {sub(/\.\./, "", $4); print $4}'
	done <read >places
	[ "$(wc -l <places)" -eq 2400 ]
	# Sorted by the thousand or more.
	[ "$(awk 'NR > 1 && $1 < last {n++} {last = $1} END {print n + 0}' places)" -le 2 ]
	run -0 --separate-stderr us -v --stats -j 1 --io=sync from/src again
	[[ $stderr == *'note: order=inode for ext4, '* ]]
	[[ $stderr == *'note: order=extent for ext4, '*' lie before the one with the inode before'* ]]
	asked=$(sed -n 's/^Extents asked for: //p' <<<"$output")
	[ "$asked" -gt 1000 ]
}

@test "files that lie in the order of their inodes are asked about a few dozen times, whatever their number" {
	need_root
	mount_image ext4 from 64M
	mkdir from/src
	for d in {1..6}; do
		mkdir "from/src/$d"
		head -c 1200000 /dev/zero | split -b 4000 -a 4 - "from/src/$d/"
	done
	sync -f from
	run -0 --separate-stderr us -v --stats -j 2 --io=sync from/src to
	[[ $stderr == *'note: order=inode for ext4, '* ]]
	[[ $stderr != *'order=extent'* ]]
	asked=$(sed -n 's/^Extents asked for: //p' <<<"$output")
	[[ $asked -ge 10 && $asked -le 100 ]]
}

@test "fewer reads reach the disk" {
	need_root
	mount_image ext4 from 64M
	make_shuffled from/src 12 500
	for order in inode auto; do
		umount from
		mount -o loop from.img from
		loop=$(findmnt -no SOURCE from)
		loop=${loop##*/}
		before=$(awk -v d="$loop" '$3 == d {print $4}' /proc/diskstats)
		run -0 us -j 2 "--order=$order" from/src "to-$order"
		after=$(awk -v d="$loop" '$3 == d {print $4}' /proc/diskstats)
		echo "$order: $((after - before))" >>reads
	done
	cat reads
	same_tree from/src to-auto
	by_inode=$(sed -n 's/^inode: //p' reads)
	[ "$by_inode" -gt 3000 ]
	[ "$(sed -n 's/^auto: //p' reads)" -lt $((by_inode * 6 / 10)) ]
}

@test "a disk that turns is read by extents" {
	need_root
	mkdir -p src
	for i in {1..50}; do
		echo "$i" >"src/$i"
	done
	[ "$(stat -fc %T src)" = ext2/ext3 ] || skip 'no ext4 here'
	dev=$(findmnt -no MAJ:MIN -T src)
	dev=${dev// /}
	unshare -m true 2>/dev/null || skip 'no mount namespace'
	# shellcheck disable=SC2016
	run -0 --separate-stderr unshare -m sh -c '
		mount -t tmpfs none /sys/dev/block &&
		mkdir -p "/sys/dev/block/$1/queue" &&
		echo 1 >"/sys/dev/block/$1/queue/rotational" &&
		"$2" -v --io=sync src dst' sh "$dev" "$US_BIN"
	[[ $stderr == *"note: order=extent for ext4, device $dev (it turns)"* ]]
	same_tree src dst
}

@test "where extents are not told, files are taken by inode" {
	need_fault
	mkdir src
	for i in {1..50}; do
		echo "$i" >"src/$i"
	done
	run -0 --separate-stderr us_fault fiemap:EOPNOTSUPP+ -v --io=sync --order=extent src dst
	[[ $stderr == *'note: order=inode for '*': where extents lie is not told ('* ]]
	same_tree src dst
}

@test "files that wait to be read when the job stops are let go" {
	need_root
	need_fault
	mount_image ext4 from 64M
	make_shuffled from/src 2 300
	run --separate-stderr us_fault write:ENOSPC@100+ -j 1 --io=sync --order=extent from/src to
	[ "$status" -ne 0 ]
	[[ $stderr == *'No space left'* ]]
	[ "$(find to -type f | wc -l)" -lt 100 ]
	no_temporaries to
}
