# SPDX-License-Identifier: MIT
# A destination that is full or read-only stops the run: one message, exit 1, no half file.
load lib

# What is under a final name is whole.
all_whole() {
	local f
	while IFS= read -r -d '' f; do
		cmp "src/${f#dst/}" "$f"
	done < <(find dst -type f -print0)
}

big_tree() {
	local d f
	for d in 0 1 2 3; do
		mkdir -p src/dir-$d
		for f in {1..20}; do
			head -c 150000 /dev/urandom >src/dir-$d/file-$f
		done
	done
}

stopped_cleanly() {
	[ "$status" -eq 1 ]
	[ "$(printf '%s\n' "$stderr" | wc -l)" -eq 1 ]
	[[ $stderr == "uring-sync: "*"$1"* ]]
	[[ $output == "stopped: "* ]]
	all_whole
	no_temporaries dst
}

@test "a full ext4" {
	mount_ext4 dst 8M
	big_tree
	run --separate-stderr us src dst
	stopped_cleanly 'No space left on device'
}

@test "a full tmpfs" {
	mount_tmpfs dst size=4M
	big_tree
	run --separate-stderr us src dst
	stopped_cleanly 'No space left on device'
}

@test "a full tmpfs, by splice" {
	mount_tmpfs dst size=4M
	big_tree
	run --separate-stderr us --splice src dst
	stopped_cleanly 'No space left on device'
}

@test "no room for one large file" {
	mount_tmpfs dst size=4M
	head -c 9000000 /dev/urandom >big
	run -1 --separate-stderr us big dst
	[[ $stderr == *'No space left on device'* ]]
	[ -z "$(ls -A dst)" ]
}

@test "no room for a new version keeps the old one" {
	mount_tmpfs dst size=4M
	mkdir src
	printf old >dst/f
	head -c 9000000 /dev/urandom >src/f
	run -1 --separate-stderr us src dst
	[ "$(cat dst/f)" = old ]
	no_temporaries dst
}

@test "no inode left" {
	mount_tmpfs dst size=4M,nr_inodes=20
	small_tree src 4 20
	run --separate-stderr us src dst
	stopped_cleanly 'No space left on device'
}

@test "a read-only destination" {
	mount_tmpfs dst size=4M
	mount -o remount,ro "$T/dst"
	small_tree src 4 20
	run --separate-stderr us src dst
	[ "$status" -eq 1 ]
	[ "$(printf '%s\n' "$stderr" | wc -l)" -eq 1 ]
	[[ $stderr == "uring-sync: "*'Read-only file system'* ]]
}

@test "a read-only destination that has to be made" {
	mount_tmpfs dst size=4M
	mount -o remount,ro "$T/dst"
	small_tree src 2 2
	run -1 --separate-stderr us src dst/new/place
	[[ $stderr == "uring-sync: "*'Read-only file system'* ]]
	run -1 --separate-stderr us src/dir-0/file-0 dst
	[[ $stderr == "uring-sync: "*'Read-only file system'* ]]
}

@test "a full disk in the middle, wherever a write fails" {
	need_fault
	big_tree
	for n in 1 2 17 60; do
		rm -rf dst
		run --separate-stderr us_fault "write:ENOSPC@$n+" src dst
		stopped_cleanly 'No space left on device'
	done
}

@test "a full disk in the middle, wherever a create fails" {
	need_fault
	small_tree src 3 10
	for n in 1 2; do
		rm -rf dst
		run --separate-stderr us_fault "mkdirat:ENOSPC@$n" src dst
		[ "$status" -eq 1 ]
		[ "$(printf '%s\n' "$stderr" | wc -l)" -eq 1 ]
		mkdir -p dst
		all_whole
	done
}
