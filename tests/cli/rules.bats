# SPDX-License-Identifier: MIT
# Which entries are copied again, in which case, judged by what rsync would do; update.bats has the basics.
load lib

# Files of which name, source and destination stand in every relation: size x time x contents.
relation_trees() {
	mkdir -p src/d dst/d
	local size time
	for size in same larger smaller; do
		for time in same newer older nanosecond second; do
			for contents in same other; do
				[ "$size$contents" != largersame ] && [ "$size$contents" != smallersame ] || continue
				f=$size-$time-$contents
				printf 'abcd' >"src/$f"
				case $size$contents in
				samesame) printf 'abcd' >"dst/$f" ;;
				sameother) printf 'wxyz' >"dst/$f" ;;
				largerother) printf 'abcde' >"dst/$f" ;;
				smallerother) printf 'abc' >"dst/$f" ;;
				esac
				touch -d '2001-01-01 00:00:00.5' "src/$f"
				case $time in
				same) touch -d '2001-01-01 00:00:00.5' "dst/$f" ;;
				newer) touch -d '2002-01-01 00:00:00.5' "dst/$f" ;;
				older) touch -d '2000-01-01 00:00:00.5' "dst/$f" ;;
				nanosecond) touch -d '2001-01-01 00:00:00.500000001' "dst/$f" ;;
				second) touch -d '2001-01-01 00:00:01.5' "dst/$f" ;;
				esac
			done
		done
	done
	printf new >src/new
	printf new >src/d/new
	ln -s x src/link-new
	printf extra >dst/extra
	ln -s a src/link
	ln -s b dst/link
	touch -h -d 2001-01-01 src/link dst/link src/link-new
	touch -d 2001-01-01 src src/d dst dst/d
}

# as_rsync FLAGS...: both do the same, and say the same of files.  rsync's own default is whole seconds.
as_rsync() {
	[[ $* == *--modify-window* ]] || set -- "$@" --modify-window=-1
	local ours=("${@/--modify-window=-1/--modify-window=0}")
	rm -rf src dst theirs
	relation_trees
	rm -f src/${DROP:-none} dst/${DROP:-none}
	touch -d 2001-01-01 src dst
	cp -a dst theirs
	us -n -i --quiet "${ours[@]}" src dst | grep -v '/$' | sort >said
	us -i --quiet "${ours[@]}" src dst | grep -v '/$' | sort >did
	diff said did
	rsync -rlpt -n -i "$@" src/ theirs/ | grep -v '/$' | sort >rsync-said
	diff rsync-said said
	rsync -rlpt "$@" src/ theirs/
	treecmp "${compare:--H}" theirs dst
	no_temporaries dst
}

@test "as rsync: the quick check" {
	as_rsync
}

@test "as rsync: --checksum" {
	as_rsync --checksum
}

@test "as rsync: -I makes the same tree" {
	relation_trees
	cp -a dst theirs
	run -0 us -I src dst
	rsync -rlpt -I --modify-window=-1 src/ theirs/
	treecmp theirs dst
	[ "$(summary files)" = 22 ]
}

@test "as rsync: -u" {
	# With -1 for the window rsync replaces what is newer by a second; without, it sees whole seconds only.
	DROP='*-nanosecond-*' as_rsync -u --modify-window=0
}

@test "as rsync: --existing" {
	as_rsync --existing
}

@test "as rsync: --existing makes no directories, but in the place of something else" {
	local dry
	mkdir -p src/new/deep src/old src/was-file dst/old
	echo 1 >src/new/deep/f
	echo 2 >src/old/f
	echo 3 >src/old/g
	echo 4 >src/was-file/f
	echo older >dst/old/f
	echo file >dst/was-file
	cp -a dst theirs
	cp -a dst before
	run -0 us -n -a -i --quiet --existing --delete src dst
	dry=$(sort <<<"$output")
	treecmp before dst
	run -0 us -a -i --quiet --existing --delete src dst
	[ "$(sort <<<"$output")" = "$dry" ]
	rsync -a --existing --delete src/ theirs/
	diff -r theirs dst
	[ ! -e dst/new ]
	[ -d dst/was-file ]
	run -0 us -a -i --quiet --existing --delete src dst
	[ -z "$output" ]
}

@test "as rsync: --ignore-existing" {
	as_rsync --ignore-existing
}

@test "as rsync: --existing --ignore-existing changes no file" {
	relation_trees
	before=$(find dst ! -type d -printf '%p %i %C@\n' | sort)
	run -0 us --existing --ignore-existing src dst
	[ "$(find dst ! -type d -printf '%p %i %C@\n' | sort)" = "$before" ]
}

@test "as rsync: --modify-window" {
	as_rsync --modify-window=1
	as_rsync --modify-window=2 --existing
}

@test "as rsync: --min-size and --max-size" {
	as_rsync --min-size=4
	as_rsync --max-size=3
	as_rsync --min-size=1K
}

@test "rows of attributes agree with rsync" {
	need_root
	mkdir -p src/d
	for f in mode user group both xattr acl time all d/f; do
		printf x >"src/$f"
	done
	ln -s mode src/link
	mkfifo src/fifo
	mknod src/null c 1 3
	cp -a src dst
	chmod 0600 dst/mode dst/all
	chown 12 dst/user dst/all
	chgrp 34 dst/group dst/all
	chown 12:34 dst/both dst/null dst/fifo dst/d
	chown -h 12 dst/link
	setfattr -n user.k -v v dst/xattr
	setfattr -n user.k -v v dst/all
	setfacl -m u:1234:r dst/acl
	touch -d 2001-01-01 dst/time dst/all
	touch -h -d 2001-01-01 dst/link dst/fifo dst/null dst/d
	rsync -aAX -n -i src/ dst/ | sort >theirs
	us -a -n -i --quiet src dst | sort >ours
	diff theirs ours
	us -a -i --quiet src dst | sort >did
	diff theirs did
	same_archive src dst
	rm -rf dst
	mkdir dst
	touch -d 2001-01-01 src
	rsync -aAX -n -i src/ dst/ | sort >theirs
	us -a -n -i --quiet src dst | sort >ours
	diff theirs ours
}

@test "-I writes each file anew, and another run without it none" {
	small_tree src 2 5
	us --quiet -a src dst
	before=$(find dst -type f -printf '%p %i\n' | sort)
	run -0 us -a -I src dst
	[ "$(comm -12 <(printf '%s\n' "$before") <(find dst -type f -printf '%p %i\n' | sort))" = '' ]
	[ "$(summary files)" = 10 ]
	run -0 us -a src dst
	[ "$(summary files)" = 0 ]
	[ "$(summary unchanged)" = 10 ]
	same_archive src dst
}

@test "--checksum sets the time alone where contents are the same, and replaces the rest" {
	mkdir src dst
	head -c 300000 /dev/urandom >src/same
	cp src/same src/late
	cp src/same src/size
	cp src/* dst
	printf x | dd of=dst/late bs=1 seek=299999 conv=notrunc status=none
	printf x >>dst/size
	touch -d '2001-01-01 00:00:00.123456789' src/*
	inode=$(stat -c %i dst/same)
	for args in '' '--chunk-size 4K' --splice; do
		run -0 us --checksum $args src dst
		same_tree src dst
		[ "$(stat -c %i dst/same)" = "$inode" ]
		printf x | dd of=dst/late bs=1 seek=299999 conv=notrunc status=none
		touch -d 2002-02-02 dst/same
	done
	no_temporaries dst
}

@test "a second run makes no call that writes, and opens no file" {
	need_strace
	need_plain_calls
	small_tree src 4 10
	ln -s file-0 src/dir-0/link
	ln src/dir-0/file-0 src/dir-1/hard
	mkfifo src/fifo
	mkdir src/empty
	setfattr -n user.k -v v src/dir-0/file-1 2>/dev/null || true
	setfacl -m u:1234:r -d -m u:1234:r src/dir-2 2>/dev/null || true
	chmod 0555 src/dir-3
	for flags in '' -a; do
		chmod -R u+w dst 2>/dev/null || true # A directory of its own mode 0555 is in it.
		rm -rf dst
		us --quiet $flags src dst
		before=$(ctimes dst)
		traced "$(printf '%s,' open openat ?openat2 ?creat write pwrite64 writev pwritev pwritev2 splice rename \
			renameat renameat2 ?mkdir mkdirat ?unlink unlinkat ?link linkat ?symlink symlinkat ?mknod mknodat \
			fchmod fchmodat ?fchmodat2 chmod chown fchown lchown fchownat utimensat ftruncate truncate \
			setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr fallocate)copy_file_range" \
			$flags src dst
		# Its summary, and a line of the sanitizers.
		! grep -E '(pwrite|splice|rename|mkdir|unlink|link|mknod|chmod|chown|utimens|truncate|setxattr|removexattr|fallocate|copy_file)[a-z0-9]*\(' trace
		! grep -E 'O_(CREAT|WRONLY|RDWR).*(src|dst|file|dir)' trace
		! grep -E '"(file-[0-9]+|hard|fifo|link)"' trace
		[ "$(ctimes dst)" = "$before" ]
	done
}

@test "-x: a mount point in the source is an empty directory with the mount's attributes or its own, no more" {
	mkdir -p src/plain src/deep/mounted
	printf x >src/plain/f
	mount_tmpfs src/deep/mounted size=1M,mode=0750
	mkdir src/deep/mounted/sub
	printf y >src/deep/mounted/hidden
	run -0 us -a -x src dst
	[ -d dst/deep/mounted ]
	[ -z "$(ls -A dst/deep/mounted)" ]
	cmp src/plain/f dst/plain/f
	# What is there already stays.
	printf z >dst/deep/mounted/own
	run -0 us -a -x src dst
	[ "$(ls -A dst/deep/mounted)" = own ]
	# A source that is a mount point itself is copied.
	run -0 us -a -x src/deep/mounted copy
	[ "$(cat copy/hidden)" = y ]
	run -0 us -a src all
	treecmp -OXH src all
}

@test "-x: into what is mounted below the source, as of a whole system into a new disk" {
	local dst
	mkdir -p src/mnt src/sub
	printf x >src/sub/f
	mount_tmpfs src/mnt size=4M
	mkdir src/mnt/old
	for dst in src/mnt src/mnt/new/root src/mnt/old; do
		run -1 us -a src $dst
		[[ $output == *'the destination lies in the source'* ]]
		run -0 us -a -x src $dst
		cmp src/sub/f $dst/sub/f
	done
	[ -z "$(ls -A src/mnt/old/mnt)" ]
	# What lies on the same file system is within, however it is mounted.
	run -1 us -a -x src src/sub/new
	run -1 us -a -x src/mnt src/mnt/new
	run -0 us -a -x src src/mnt # Again.
	[[ $output == '0 files,'* ]]
}

@test "-x: with several sources each has its own file system" {
	mkdir -p one src/two dst
	printf x >one/f
	mount_tmpfs src/two size=1M
	printf y >src/two/g
	mkdir one/in
	mount_tmpfs one/in size=1M
	printf z >one/in/h
	run -0 us -a -x one src/two dst
	[ "$(cat dst/one/f dst/two/g)" = xy ]
	[ -z "$(ls -A dst/one/in)" ]
}

@test "--min-size and --max-size are about regular files alone" {
	mkdir -p src/d
	head -c 10 /dev/zero >src/ten
	head -c 1024 /dev/zero >src/d/k
	head -c 1025 /dev/zero >src/d/more
	: >src/none
	ln -s ten src/l
	mkfifo src/p
	run -0 us --min-size=1 --max-size=1K src dst
	[ "$(cd dst && find . | sort | tr '\n' ' ')" = '. ./d ./d/k ./l ./p ./ten ' ]
	run -0 us --max-size=1 src dst2
	[ "$(cd dst2 && find . | sort | tr '\n' ' ')" = '. ./d ./l ./none ./p ' ]
	# With a source that is a file.
	run -0 us --min-size=11 src/ten one
	[ ! -e one ]
}

@test "-x deletes nothing on a file system that is mounted in the destination" {
	small_tree src 1 2
	mkdir -p dst/gone/deep
	echo x >dst/gone/deep/file
	mkdir -p dst/old/below
	echo x >dst/old/file
	mount_tmpfs dst/top size=1m
	mount_tmpfs dst/old/below/mnt size=1m
	mount_tmpfs dst/in-the-way size=1m
	for dir in dst/top dst/old/below/mnt dst/in-the-way; do
		echo kept >"$dir/file"
	done
	# The same file system once more: only its mount tells.
	mkdir elsewhere dst/bound
	echo kept >elsewhere/file
	mount --bind elsewhere dst/bound
	MOUNTED+=("$T/dst/bound")
	run -0 us -a -x --delete src dst
	same_tree src/dir-0 dst/dir-0
	[ ! -e dst/gone ]
	[ ! -e dst/old/file ]
	for dir in dst/top dst/old/below/mnt dst/in-the-way dst/bound; do
		[ "$(cat "$dir/file")" = kept ]
	done
	# Nor where a file is to stand.
	echo file >src/in-the-way
	run -23 us -a -x --delete src dst
	[ "$(cat dst/in-the-way/file)" = kept ]
}
