# SPDX-License-Identifier: MIT
# -a from ext4 onto other file systems and back, each made for the test.
load ../lib

setup() {
	enter_test
	need_root
	mount_image ext4 from 300M
	mkzoo -a from/zoo >/dev/null
	# XFS ends at 1,023 bytes and Btrfs a little under 4,000.
	rm from/zoo/links/long
	touch -d 2001-01-01 from/zoo/links
}

# What -a makes of the zoo in the mounted directory to, in each mode, and back.
copy_and_judge() {
	local io before
	for io in inline async sync; do
		run -0 --separate-stderr us "--io=$io" -a from/zoo "to/$io"
		[ -z "$stderr" ]
		same_archive from/zoo "to/$io"
		no_temporaries "to/$io"
		sync "to/$io"
		[ "$(du -sk "to/$io/holes" | cut -f1)" -lt 200 ]
		before=$(ctimes "to/$io")
		run -0 --separate-stderr us "--io=$io" -a -i from/zoo "to/$io"
		[ -z "$stderr" ]
		[ "${#lines[@]}" -eq 1 ]
		[ "$(ctimes "to/$io")" = "$before" ]
	done
	# And back from there, to another name.
	run -0 --separate-stderr us -a to/sync from/back
	[ -z "$stderr" ]
	same_archive from/zoo from/back
	[ "$(du -sk from/back/holes | cut -f1)" -lt 200 ]
	# Within it: blocks may be shared.
	run -0 --separate-stderr us --order=inode --io=inline -a to/sync to/again
	[ -z "$stderr" ]
	same_archive from/zoo to/again
	[ "$(du -sk to/again/holes | cut -f1)" -lt 200 ]
	each_way_and_judge
	user_copy_and_judge
}

# Each way of copying, with ranges of 8K; from the other file system, and within this one.
each_way_and_judge() {
	local way order
	head -c 300001 /dev/urandom >from/zoo/large
	for way in rw splice cfr; do
		run -0 --separate-stderr us --copy=$way --large=4K -c 4K -a from/zoo "to/$way"
		[ -z "$stderr" ]
		same_archive from/zoo "to/$way"
		no_temporaries "to/$way"
		[ "$(du -sk "to/$way/holes" | cut -f1)" -lt 200 ]
	done
	# The order is a matter of the file system that is read: each is taken here or above.
	run -0 --separate-stderr us --order=name --io=sync --copy=cfr --large=4K -c 4K -a to/rw to/cfr-within
	same_archive from/zoo to/cfr-within
	for order in extent none; do
		run -0 --separate-stderr us --order=$order --io=async --copy=splice --large=4K -c 4K -a to/rw from/$order
		[ -z "$stderr" ]
		same_archive from/zoo from/$order
		rm -rf from/$order
	done
	if cp --reflink=always to/rw/large to/probe 2>/dev/null; then
		run -0 --separate-stderr us --copy=reflink -a to/rw to/reflink
		same_archive from/zoo to/reflink
	else
		run -23 --separate-stderr us --copy=reflink -a to/rw to/reflink
		[[ $stderr == *'/large: reflink: '* ]]
		[ ! -e to/reflink/large ]
	fi
	rm -rf from/zoo/large to/rw to/splice to/cfr to/cfr-within to/reflink to/probe
	touch -d 2001-01-01 from/zoo
}

# The same of a zoo that belongs to an ordinary user, made by him.
user_copy_and_judge() {
	local io
	need_user
	install -d -o 65534 -g 65534 to/user from/user
	cp "$US_TOOLS/mkzoo" "$T/mkzoo"
	as_user "$T/mkzoo" from/user/zoo >/dev/null
	rm from/user/zoo/links/long
	as_user chmod -R u+rwX from/user/zoo/modes
	as_user setfacl -m u:1234:r from/user/zoo/wide
	as_user ln from/user/zoo/names/-rf from/user/zoo/wide/hard
	for io in inline async sync; do
		run -0 --separate-stderr us_user "--io=$io" -a from/user/zoo "to/user/$io"
		[ -z "$stderr" ]
		same_archive from/user/zoo "to/user/$io"
		run -0 --separate-stderr us_user "--io=$io" -a -i from/user/zoo "to/user/$io"
		[ "${#lines[@]}" -eq 1 ]
	done
}

@test "ext4" {
	mount_image ext4 to 300M
	copy_and_judge
}

@test "XFS" {
	mount_image xfs to 1G
	copy_and_judge
}

@test "Btrfs" {
	mount_image btrfs to 400M
	copy_and_judge
}

@test "tmpfs" {
	mount_tmpfs to size=300M
	copy_and_judge
}

# A smaller zoo, for each call takes its time there.
@test "FUSE" {
	mkdir below
	mount_image ext4 below 300M
	mount_passfs below to
	rm -rf from/zoo
	mkzoo -a -s from/zoo >/dev/null
	rm -f from/zoo/links/long
	touch -d 2001-01-01 from/zoo/links
	copy_and_judge
}

# How many workers a copy gets.
workers_of() {
	run -0 --separate-stderr us -v "$@"
	[[ $stderr =~ jobs=([0-9]+)' queue-depth' ]]
	workers=${BASH_REMATCH[1]}
}

@test "on Btrfs, and where blocks are shared on XFS, there are no more workers than processors" {
	local few many
	few=$(nproc)
	many=$((few * 3 > 32 ? 32 : few * 3))
	few=$((few < 2 ? 2 : few > 32 ? 32 : few))
	mount_image btrfs btrfs 200M
	mount_image xfs xfs 320M
	workers_of from/zoo/names btrfs/names
	[ "$workers" -eq "$few" ]
	workers_of btrfs/names btrfs/names-again
	[ "$workers" -eq "$few" ]
	workers_of -j 5 btrfs/names btrfs/five
	[ "$workers" -eq 5 ]
	workers_of from/zoo/names from/names
	[ "$workers" -eq "$many" ]
	workers_of from/zoo/names xfs/names
	[ "$workers" -eq "$many" ]
	workers_of xfs/names xfs/names-again
	[ "$workers" -eq "$few" ]
	workers_of --reflink=never xfs/names xfs/never
	[ "$workers" -eq "$many" ]
	workers_of btrfs/names xfs/other
	[ "$workers" -eq "$many" ]
	same_tree from/zoo/names xfs/never
	same_tree from/zoo/names btrfs/names-again
}

@test "the largest attribute value that XFS takes" {
	mount_image xfs to 320M
	mkdir to/src
	printf x >to/src/f
	head -c 65536 /dev/urandom >value
	python3 -c 'import os; os.setxattr("to/src/f", "user.large", open("value", "rb").read())'
	for i in {1..200}; do
		setfattr -n "user.an-attribute-with-a-long-name-$i" -v "$i" to/src/f
	done
	run -0 --separate-stderr us -a to/src to/dst
	[ -z "$stderr" ]
	treecmp -OXH to/src to/dst
}

@test "an attribute that ext4 has no room for: the other files are copied all the same" {
	mount_image ext4 to 64M
	mkdir src
	for i in {1..50}; do
		printf '%s' "$i" >"src/$i"
	done
	python3 -c 'import os; os.setxattr("src/7", "user.large", b"x" * 3500)' || skip 'no such attribute here'
	run us -a src to/dst
	[[ $status -eq 0 || $status -eq 23 ]]
	treecmp -T src to/dst
	[[ $output == *attribute* ]]
}

@test "the judge finds an attribute, a link, an owner and an access time" {
	mkdir a
	printf x >a/f
	ln a/f a/g
	setfattr -n user.k -v v a/f
	cp -a a b
	run -0 treecmp -OXH a b
	setfattr -n user.k -v w b/f
	run -1 treecmp -X a b
	[ "${#lines[@]}" -eq 2 ]
	[[ $output == *'f: attribute user.k differs: 1 | 1 bytes'* ]]
	setfattr -n user.k -v v b/f
	setfattr -n user.more -v v b
	run -1 treecmp -X a b
	[[ $output == '.: attribute user.more differs: -1 | 1 bytes' ]]
	setfattr -x user.more b
	cp -p --preserve=all b/f b/h
	mv b/h b/g
	touch -r a b
	run -1 treecmp -H a b
	[ "$output" = 'g: a hard link in the first only' ]
	run -1 treecmp -H b a
	[ "$output" = 'g: a hard link in the second only' ]
	chown 12 b/g
	run -1 treecmp -O a b
	[[ $output == 'g: owner '* ]]
	touch -a -d 2001-01-01 a/f
	run -1 treecmp -A a b
}
