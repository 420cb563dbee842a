# SPDX-License-Identifier: MIT
# Hard links into destinations of every kind, with every kind of entry; links.bats has the basics.
load lib

link_tree() {
	mkdir -p src/a/b src/c
	printf one >src/first
	ln src/first src/a/second
	ln src/first src/c/third
	ln -s first src/soft
	ln -P src/soft src/c/soft-too
	mkfifo src/fifo
	ln src/fifo src/a/b/fifo-too
	touch -h -d '2001-01-01 00:00:00.5' src/first src/soft src/fifo
}

@test "symbolic links, FIFOs and devices have several names, too" {
	need_root
	link_tree
	mknod src/null c 1 3
	ln src/null src/a/null-too
	mknod src/block b 7 200
	ln src/block src/c/block-too
	run -0 us -a src dst
	same_archive src dst
	same_inode dst/soft dst/c/soft-too
	same_inode dst/null dst/a/null-too
	same_inode dst/block dst/c/block-too
	[ "$(summary 'hard links')" = 6 ]
}

@test "linked rightly already: nothing is written" {
	link_tree
	us --quiet -a src dst
	before=$(ctimes dst)
	run -0 us -a -i src dst
	[ "${#lines[@]}" -eq 1 ]
	[ "$(ctimes dst)" = "$before" ]
	[ "$(summary unchanged)" = 7 ]
}

@test "separate files with the same contents are linked" {
	link_tree
	us --quiet src dst
	[ "$(stat -c %h dst/first)" = 1 ]
	run -0 us -a src dst
	treecmp -H src dst
	no_temporaries dst
}

@test "linked to something else: neither of them is written through" {
	link_tree
	us --quiet -a src dst
	rm dst/a/second dst/c/third
	printf stranger >stranger
	ln stranger dst/a/second
	ln stranger dst/c/third
	ln -f dst/fifo dst/c/soft-too
	run -0 us -a src dst
	treecmp -H src dst
	[ "$(cat stranger)" = stranger ]
	[ "$(stat -c %h stranger)" = 1 ]
	no_temporaries dst
}

@test "names that are one in the destination and two in the source come apart" {
	mkdir src dst
	printf aaaa >src/a
	printf bbbb >src/b
	printf old >dst/a
	ln dst/a dst/b
	run -0 us -a src dst
	treecmp -H src dst
	[ "$(cat dst/a dst/b)" = aaaabbbb ]
}

@test "the same with the same contents and times: contents are right, whatever the links" {
	mkdir src
	printf same >src/a
	touch -d 2001-01-01 src/a
	cp -p src/a src/b
	mkdir dst
	cp -p src/a dst/a
	ln dst/a dst/b
	run -0 us -a src dst
	same_tree src dst
}

@test "attributes of one name do not reach another file by way of a link in the destination" {
	need_root
	mkdir src dst
	printf same >src/a
	touch -d 2001-01-01 src/a
	cp -p src/a src/b
	chmod 0600 src/a
	chown 12:34 src/a
	cp -p src/b dst/b
	ln dst/b dst/a
	for i in 1 2; do
		run -0 us -a src dst
	done
	same_tree src dst
	same_archive src dst
}

@test "a changed file with several names is written once, and all names lead to it" {
	link_tree
	us --quiet -a src dst
	printf changed! >src/first
	run -0 us -a src dst
	treecmp -H src dst
	same_inode dst/first dst/a/second dst/c/third
	[ "$(summary files)" = 1 ]
	no_temporaries dst
}

@test "links across several sources, files among them" {
	mkdir one two dst
	printf x >one/a
	ln one/a two/b
	ln one/a single
	run -0 us -a one two single dst
	same_inode dst/one/a dst/two/b dst/single
	[ "$(stat -c %h dst/single)" = 3 ]
	before=$(ctimes dst)
	run -0 us -a one two single dst
	[ "$(ctimes dst/one dst/two dst/single)" = "$(grep -v '^dst ' <<<"$before")" ]
}

@test "names outside of what is copied are not waited for" {
	mkdir src
	printf x >src/a
	ln src/a outside-1
	ln src/a outside-2
	ln src/a src/b
	run -0 us -a src dst
	same_inode dst/a dst/b
	[ "$(stat -c %h dst/a)" = 2 ]
}

@test "excluded names, sizes left out and directories that cannot be made do not break the others" {
	mkdir -p src/no src/yes src/a dst
	printf x >src/no/1
	ln src/no/1 src/yes/2
	ln src/no/1 src/yes/3
	ln src/no/1 src/a/4
	printf 'in the way' >dst/a
	run -23 us -a --exclude no src dst
	same_inode dst/yes/2 dst/yes/3
	[ ! -e dst/no ]
	[ "$(summary failed)" = 1 ]
	run -0 us -a --min-size=10 src dst2
	[ -z "$(find dst2 -type f)" ]
	run -0 us -a --existing src dst2
	[ -z "$(find dst2 -type f)" ]
}

@test "--existing and --ignore-existing hold for further names, too" {
	mkdir src dst dst2
	printf xx >src/a
	ln src/a src/b
	printf y >dst/a
	run -0 us -a --existing src dst
	[ "$(cat dst/a)" = xx ]
	[ ! -e dst/b ]
	printf y >dst2/a
	printf z >dst2/b
	run -0 us -a --ignore-existing src dst2
	[ "$(cat dst2/a dst2/b)" = yz ]
}

@test "-u: a newer file in the destination is not replaced by a link" {
	mkdir src dst
	printf old >src/a
	ln src/a src/b
	touch -d 2001-01-01 src/a
	printf newer-a >dst/a
	printf newer-b >dst/b
	run -0 us -a -u src dst
	[ "$(cat dst/a dst/b)" = newer-anewer-b ]
}

@test "--max-size with several names leaves all of them out" {
	mkdir src
	head -c 5000 /dev/zero >src/a
	ln src/a src/b
	printf x >src/c
	run -0 us -a --max-size 1K src dst
	[ "$(ls dst)" = c ]
	[ "$(summary skipped)" = 2 ]
}

@test "whichever copy of many fails, the next name is copied" {
	need_fault
	mkdir -p src/d src/e
	for i in {1..6}; do
		head -c 100000 /dev/urandom >"src/d/$i"
		ln "src/d/$i" "src/e/$i"
		ln "src/d/$i" "src/$i"
	done
	for fault in openat:EIO@9 openat:EIO@12 write:EIO@3 read:EIO@2 close:EIO@9 fchmod:EIO@3 utimens:EIO@2; do
		rm -rf dst
		mkdir dst
		run us_fault "$fault" -a src dst
		[[ $status -eq 0 || $status -eq 1 || $status -eq 23 ]] || { echo "$fault: $status: $output"; return 1; }
		no_temporaries dst
		while IFS= read -r f; do
			cmp "src/${f#dst/}" "$f" || { echo "$fault: $f"; return 1; }
		done < <(find dst -type f)
		# What failed is told, and another run makes it whole.
		run -0 us -a src dst
		treecmp -OXH src dst || { echo "$fault"; return 1; }
	done
}

@test "a link that fails: EMLINK, EXDEV and EPERM are copies, the rest failures" {
	need_fault
	link_tree
	for error in EPERM EOPNOTSUPP; do
		rm -rf dst
		run -0 --separate-stderr us_fault "linkat:$error+" -a src dst
		[ "$(grep -c "hard link can't be made" <<<"$stderr")" = 1 ]
		[ "$(wc -l <<<"$stderr")" = 1 ]
		same_tree src dst
		[ "$(stat -c %h dst/first dst/soft dst/fifo | sort -u)" = 1 ]
		# And over what exists.
		run -0 --separate-stderr us_fault "linkat:$error+" -a src dst
		same_tree src dst
		no_temporaries dst
	done
	run -23 us_fault linkat:EIO@1 -a src dst2
	[ "$(summary failed)" = 1 ]
}

@test "a file system's own limit of links" {
	mount_image ext4 fs 64M
	# The source is on a file system with a higher limit than the 65,000 of ext4.
	mount_tmpfs source size=64M,nr_inodes=200000
	printf x >source/f
	python3 -c '
import os
for i in range(65010):
    os.link("source/f", "source/%d" % i)' || skip 'no links to make'
	run -0 --separate-stderr us -a source fs/dst
	[ "$(grep -c "hard link can't be made" <<<"$stderr")" = 1 ]
	[ "$(find fs/dst -type f | wc -l)" = 65011 ]
	[ "$(find fs/dst -type f ! -size 1c | wc -l)" = 0 ]
}

@test "what is copied because no link can be made keeps its attributes" {
	need_fault
	mkdir src
	printf x >src/f
	setfattr -n user.k -v v src/f 2>/dev/null || skip 'no extended attributes here'
	setfacl -m u:1234:rwx src/f 2>/dev/null || skip 'no ACLs here'
	for n in 1 2 3; do
		ln src/f "src/f$n"
	done
	ln -s f src/soft
	ln -P src/soft src/soft2
	[ "$(id -u)" -ne 0 ] || setfattr -h -n trusted.k -v v src/soft
	run -0 us_fault linkat:EMLINK+ -a src dst
	treecmp -OX src dst
	[ "$(stat -c %h dst/* | sort -u)" = 1 ]
	rm -rf dst
	mkdir dst
	printf old >dst/f2
	run -0 us_fault linkat:EMLINK+ -a src dst
	treecmp -OX src dst
}

@test "the update rules hold for further names, too" {
	mkdir src dst
	printf new >src/a
	ln src/a src/b
	printf 'mine, older' >dst/b
	touch -d 2001-01-01 dst/b
	run -0 us -a --ignore-existing src dst
	[ "$(cat dst/a dst/b)" = 'newmine, older' ]
	[ "$(summary skipped)" = 1 ]
	rm -rf dst
	mkdir dst
	printf old >dst/a
	for dry in --dry-run ''; do
		run -0 us -a --existing $dry src dst
		[ ! -e dst/b ]
		[ "$(summary skipped)" = 1 ]
	done
	[ "$(cat dst/a)" = new ]
	rm dst/a
	printf 'mine, newer' >dst/b
	touch -d 2038-01-01 dst/b
	for dry in --dry-run ''; do
		run -0 us -a -u $dry src dst
		[ "$(cat dst/b)" = 'mine, newer' ]
		[ "$(summary skipped)" = 1 ]
	done
	[ "$(cat dst/a)" = new ]
}

# A file that nothing else is linked to takes the name of one of two.
take_name() {
	[ ! -e stranger ] || mv stranger src/a
}

@test "the fellows of a file that lost its name to another one are not linked to that one" {
	need_fault
	for n in {1..12}; do
		rm -rf src dst
		mkdir src
		printf 'of both' >src/a
		ln src/a src/b
		printf 'a stranger' >stranger
		us_stopping "openat:stop@$n" take_name -a src dst
		[ "$status" -eq 0 ]
		[ "$(cat dst/b)" = 'of both' ]
		cmp src/a dst/a
	done
}
