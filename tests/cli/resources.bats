# SPDX-License-Identifier: MIT
# What a run needs is taken from it in the middle: the right to write, its place, its quota, its memory.
load lib

# The destination becomes read-only, once no file of it is open for writing.
make_read_only() {
	mount -o remount,ro fs
}

@test "a destination that becomes read-only in the middle stops the run, and the next goes on" {
	need_fault
	mount_tmpfs fs size=20M
	small_tree src 4 10
	us_stopping openat:stop@60 make_read_only -j 1 -q 1 --resume=journal src fs/dst
	[ "$status" -eq 1 ]
	[[ $stderr == *': Read-only file system' ]]
	[ "$(wc -l <<<"$stderr")" = 1 ]
	[[ $output == 'stopped: '* ]]
	mount -o remount,rw fs
	run -0 us --resume=journal src fs/dst
	same_tree src fs/dst
	no_temporaries fs/dst
}

# The file system goes out of sight; what has it open keeps it.
unmount_lazily() {
	umount -l fs
}

# The run had to see that the destination's path does not lead to what it wrote to any more.
lost_its_place() {
	[ "$status" -eq 1 ]
	[[ $stderr == *"uring-sync: $1: it was moved, removed or unmounted while it was written to: what was copied is not there" ]]
	[[ $output == 'stopped: '* ]]
}

@test "a destination that is unmounted in the middle: nothing goes to what is under it, and that is told" {
	need_fault
	need_root
	mount_image ext4 fs 64M
	small_tree src 4 10
	us_stopping openat:stop@60 unmount_lazily -j 1 src fs/dst
	lost_its_place fs/dst
	[ -z "$(ls -A fs)" ]
	mount -o loop fs.img fs
	run -0 us src fs/dst
	same_tree src fs/dst
}

@test "a destination that is moved or replaced in the middle is no success" {
	need_fault
	small_tree src 4 10
	for harm in 'mv -T dst moved' 'mv -T dst moved; mkdir dst' 'mv -T dst moved; ln -s src dst' 'rm -rf dst'; do
		rm -rf dst moved journal
		move() { eval "$harm"; }
		us_stopping openat:stop@60 move -j 1 --resume=journal src dst
		lost_its_place dst
		rm -rf dst
		# What the journal tells of is not there: it is copied again.
		run -0 us --resume=journal src dst
		same_tree src dst
		no_temporaries dst
	done
}

@test "a destination that is moved and comes back, and one that a link leads to, is a success" {
	need_fault
	small_tree src 4 10
	mkdir real
	ln -s real dst
	back() { mv -T real away && mv -T away real; }
	us_stopping openat:stop@60 back -j 1 src dst
	[ "$status" -eq 0 ]
	same_tree src dst/.
}

@test "a destination that is in use can't be unmounted" {
	need_fault
	mount_tmpfs fs size=20M
	small_tree src 4 10
	busy() { ! umount fs 2>/dev/null; }
	us_stopping openat:stop@60 busy -j 1 src fs/dst
	[ "$status" -eq 0 ]
	same_tree src fs/dst
}

@test "a quota that is used up stops the run like a full disk" {
	mount_image btrfs fs 256M
	btrfs quota enable fs >/dev/null 2>&1 && btrfs subvolume create fs/mine >/dev/null &&
		btrfs qgroup limit 4M fs/mine >/dev/null || skip 'no quotas on Btrfs here'
	mkdir src
	for n in 1 2 3 4 5 6 7 8 9; do
		head -c 600K /dev/urandom >src/$n
	done
	run -1 --separate-stderr us src fs/mine/dst
	[[ $stderr == *': Disk quota exceeded' ]]
	[ "$(wc -l <<<"$stderr")" = 1 ]
	[[ $output == 'stopped: '* ]]
	no_temporaries fs/mine
	# What is there is whole.
	for f in fs/mine/dst/*; do
		[ ! -e "$f" ] || cmp "$f" "src/${f##*/}"
	done
	btrfs qgroup limit none fs/mine
	run -0 us src fs/mine/dst
	same_tree src fs/mine/dst
}
