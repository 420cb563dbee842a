# SPDX-License-Identifier: MIT
# -n: nothing is touched, and what is printed is what the real run prints.
load lib

# The state of everything below $T but what the tests write there themselves.
state() {
	find . -path ./said -o -path ./did -o -printf '%p %i %C@ %s %m\n' | grep -v '^\. ' | sort
}

# Rows in an order that does not depend on which of several names came first.  The name that comes last may have the inode to
# itself by then, for the others were made anew: its attributes are set where it is.
rows() {
	sed -E -e 's/^(.{11}) [^ ]*(hard-?link|linked-already).*/\1 one of several names/' \
		-e 's/^[.>](f\.\.\.p\.{5} one of several)/>\1/' "$1" | sort
}

# rehearse ARGS...: -n changes nothing, says what -i does, and exits with the same status.
rehearse() {
	local before planned=0 done=0
	: >said
	: >did
	before=$(state)
	us -n -i --quiet "$@" >said || planned=$?
	[ "$(state)" = "$before" ] || { diff <(printf '%s\n' "$before") <(state); return 1; }
	us -i --quiet "$@" >did || done=$?
	[ "$planned" = "$done" ]
	diff <(rows said) <(rows did) >differences || { head -n 40 differences; return 1; }
	rm differences
}

# A tree, and a destination that differs from it in every way.
trees() {
	mkdir -p src/d/e src/new-dir/sub dst/d
	printf x >src/same
	printf x >src/d/mode
	printf longer >src/d/size
	printf abcd >src/d/contents
	printf new >src/new-dir/sub/f
	printf new >src/d/e/f
	ln -s new src/link
	ln -s new src/new-link
	mkfifo src/fifo
	mkfifo src/d/new-fifo
	printf hard >src/d/hardlink-1
	ln src/d/hardlink-1 src/new-dir/hardlink-2
	ln src/d/hardlink-1 src/hardlink-3
	printf 'hard, too' >src/linked-already
	ln src/linked-already src/d/linked-already
	printf kind >src/kind
	touch -h -d 2001-01-01 src/* src/d/*
	cp -p src/same dst/same
	cp -p src/d/mode dst/d/mode
	chmod 0600 dst/d/mode
	printf short >dst/d/size
	printf wxyz >dst/d/contents
	touch -r src/d/contents dst/d/contents
	ln -s old dst/link
	cp -p src/linked-already dst/linked-already
	ln dst/linked-already dst/d/linked-already
	mkfifo dst/fifo
	ln -s nowhere dst/kind
	printf extra >dst/extra
}

@test "into nothing" {
	trees
	mkdir -m 0711 nowhere nowhere2
	rehearse src nowhere
	rehearse -a src nowhere2
	run -0 us -n src not/there/yet
	[ ! -e not ]
}

@test "the destination itself, when it is made, is a row of its own, as in rsync" {
	mkdir src
	printf x >src/f
	run -0 us -n -i --quiet src dst
	[ "$output" = $'>f+++++++++ f\ncd+++++++++ ./' ]
	run -0 us -i --quiet src dst
	[ "$output" = $'>f+++++++++ f\ncd+++++++++ ./' ]
}

@test "names that are files of their own in the destination become links: the same row in both" {
	mkdir -p src dst
	printf x >src/1
	ln src/1 src/2
	cp -p src/1 dst/1
	cp -p src/1 dst/2
	touch -r src dst
	run -0 us -n -i --quiet -a src dst
	said=$output
	run -0 us -i --quiet -a src dst
	[ "${said:0:11}" = "${output:0:11}" ]
	[ "${output:0:2}" = hf ]
}

@test "into a tree that differs, by every rule" {
	for args in '' -a --checksum -I -u --existing --ignore-existing '--modify-window=5 -a' '--min-size=4' '--max-size=4 -a' \
		'--preserve=links' '--no-preserve=mode,times' '-a --no-preserve=links' '--delete' '-a --delete' \
		'--backup' '-x' '-L' '--safe-links' '--exclude=d' '--chmod=go-rwx' '--sparse=always'; do
		rm -rf src dst
		trees
		echo "# $args"
		rehearse $args src dst
	done
}

@test "of a copy: nothing is printed" {
	trees
	us --quiet -a src copy
	us -n -i --quiet -a src copy >said
	run -0 us -n -a src copy
	[ "${#lines[@]}" -eq 1 ]
	[ ! -s said ]
}

@test "of the zoo with attributes" {
	need_root
	mkzoo -a zoo >/dev/null
	mkdir copy
	rehearse -a zoo copy
	[ "$(wc -l <said)" -gt 5000 ]
	find copy -path copy/beyond-path-max -prune -o -type f -size -2c -exec chmod 0611 {} +
	find copy -path copy/beyond-path-max -prune -o -name 'f*' -exec chown -h 7:8 {} +
	find copy/wide -name '*1' -delete
	rehearse -a zoo copy
	same_archive zoo copy
}

@test "a single file, and several sources" {
	trees
	rehearse src/d/size single
	rehearse src/d/size single
	touch -d 2002-02-02 single
	rehearse src/d/size single
	mkdir into
	rehearse src/d src/same src/link into
	rehearse -a src/d src/same src/link into
}

@test "no file is opened and no call writes" {
	need_strace
	need_plain_calls
	trees
	traced '?open,openat,?openat2,?creat,pwrite64,writev,pwritev,pwritev2,splice,rename,renameat,renameat2,mkdirat,unlinkat,linkat,symlinkat,mknodat,fchmod,fchmodat,?fchmodat2,fchownat,utimensat,ftruncate,setxattr,lsetxattr,fsetxattr' \
		-n -a src dst
	! grep -E '(pwrite|splice|rename|mkdir|unlink|link|mknod|chmod|chown|utimens|truncate|setxattr)[a-z0-9]*\(' trace
	! grep -E '"(same|mode|size|contents|[123]|f|fifo|new-fifo|kind)"' trace
	! grep O_CREAT trace
}

@test "onto a full or read-only file system" {
	mount_tmpfs fs size=1M
	mkdir fs/dst
	printf x >fs/dst/f
	mount -o remount,ro "$T/fs" || skip 'no remount here'
	small_tree src 1 3
	printf longer >src/f
	run -0 us -n src fs/dst
	[[ $output == *'>f.s'*' f'* ]]
	[[ $output == *'>f+++++++++ dir-0/file-1'* ]]
}

@test "the counts of the summary are those of the real run" {
	trees
	run -0 us -n -a src dst
	planned=$(printf '%s\n' "$output" | grep ' copied, ' | sed 's/ in .*//')
	run -0 us -a src dst
	[ "$(printf '%s\n' "$output" | grep ' copied, ' | sed 's/ in .*//')" = "$planned" ]
}

@test "a directory in the place of a file is a failure in both" {
	mkdir -p src dst/f src/g
	printf x >src/f
	printf x >dst/g
	run -23 --separate-stderr us -n src dst
	[[ $stderr == *f:* ]]
	[[ $stderr == *g:* ]]
	run -23 us src dst
}

# bytes OPTION...: what the summary of a copy says was copied.
bytes() {
	us "$@" src dst | sed -nE 's/.* ([0-9]+) bytes .*copied, .*/\1/p'
}

@test "the bytes of holes are counted where they would be written, and there alone" {
	mkdir src
	truncate -s 4M src/holes
	head -c 64K /dev/urandom | dd of=src/holes bs=64K seek=16 conv=notrunc status=none
	head -c 4M /dev/zero | tr '\0' x >src/full
	sync src/holes
	for option in auto never; do
		planned=$(bytes -n --reflink=never --sparse=$option)
		[ "$planned" = "$(bytes --reflink=never --sparse=$option)" ]
		rm -r dst
	done
	[ "$planned" -eq $((8 << 20)) ]
	# Contents that differ, of which only reading tells.
	us --quiet src dst
	printf y | dd of=dst/full conv=notrunc status=none
	touch -r src/full dst/full
	[ "$(bytes -n --checksum)" -eq $((4 << 20)) ]
	[ "$(bytes --reflink=never --checksum)" -eq $((4 << 20)) ]
}
