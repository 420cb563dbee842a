# SPDX-License-Identifier: MIT
# Owners, modes, times, attributes and ACLs to the last bit, on one file system; keep.bats has the options.
load lib

owner_of() {
	stat -c %u:%g -- "$1"
}

need_xattrs() {
	: >xattr-probe
	setfattr -n user.probe -v x xattr-probe 2>/dev/null || skip 'no extended attributes here'
}

need_acl() {
	mkdir acl-probe
	setfacl -d -m u:1234:r acl-probe 2>/dev/null || skip 'no ACLs here'
}

@test "-a: the zoo with owners, attributes, ACLs, links, devices and holes" {
	need_root
	mkzoo -a zoo >counts
	run -0 --separate-stderr us -a zoo copy
	[ -z "$stderr" ]
	same_archive zoo copy
	no_temporaries copy
	read -r files directories symlinks _ <counts
	[ "$(summary files)" = "$files" ]
	[ "$(summary directories)" = "$directories" ]
	[ "$(summary symlinks)" = "$symlinks" ]
	[ "$(summary specials)" = 10 ]
	[ "$(summary 'hard links')" = 508 ]
	before=$(ctimes copy)
	run -0 --separate-stderr us -a -i zoo copy
	[ -z "$stderr" ]
	[ "${#lines[@]}" -eq 1 ]
	[ "$(ctimes copy)" = "$before" ]
	same_archive zoo copy
}

@test "-a over a copy without attributes mends it and writes no contents" {
	need_root
	mkzoo -a zoo >/dev/null
	run -0 us zoo copy
	run -0 us -a zoo copy
	same_archive zoo copy
	[ "$(summary bytes)" = 0 ]
	[ "$(summary files)" = 0 ]
	no_temporaries copy
}

@test "-a takes away what the copy has and the source has not" {
	need_root
	need_xattrs
	need_acl
	mkdir -p src/d
	printf x >src/f
	ln -s f src/l
	us --quiet -a src dst
	setfattr -n user.more -v x dst/f
	setfattr -n user.more -v x dst/d
	setfattr -h -n trusted.more -v x dst/l
	setfacl -m u:1234:rw dst/f
	setfacl -m u:1234:rw -d -m u:1234:rw dst/d
	setcap cap_chown+ep dst/f
	inode=$(stat -c %i dst/f)
	run -0 us -a -i src dst
	[ "${lines[0]}" != "${lines[0]%/}" ] || [ "${#lines[@]}" -eq 4 ]
	[[ $output == *'.f...p...ax f'* ]]
	[[ $output == *'.d...p...ax d/'* ]]
	[[ $output == *'.L........x l -> f'* || $output == *'.L........x l'* ]]
	[ "$(stat -c %i dst/f)" = "$inode" ]
	same_archive src dst
}

@test "without -a the copy's own attributes and owner stay" {
	need_root
	need_xattrs
	mkdir src
	printf x >src/f
	us --quiet src dst
	setfattr -n user.more -v x dst/f
	chown 12:34 dst/f
	run -0 us src dst
	[ "$(getfattr --only-values -n user.more dst/f)" = x ]
	[ "$(owner_of dst/f)" = 12:34 ]
}

@test "times before 1970 and after 2038 with nanoseconds, of files, directories and links, with -a and a second time" {
	mkzoo zoo >/dev/null
	run -0 us -a zoo/times copy
	same_tree zoo/times copy
	for f in f3 d3 l3; do
		[ "$(stat -c %y "copy/$f")" = "$(stat -c %y "zoo/times/$f")" ]
		[ "$(stat -c %Y "copy/$f")" = -1000000000 ]
		[ "$(stat -c %Y "copy/${f%3}6")" = 4102444800 ]
	done
	touch -d '1930-01-01 00:00:00.000000001' copy/d3 copy/f3
	touch -h -d '2100-01-01 00:00:00.000000001' copy/l3
	run -0 us -a -i zoo/times copy
	same_tree zoo/times copy
	[ "${#lines[@]}" -eq 4 ]
}

@test "access times: --preserve=atime keeps those of files, directories and links" {
	mkdir -p src/d
	printf x >src/f
	head -c 300000 /dev/urandom >src/large
	printf y >src/d/g
	ln -s f src/l
	mkfifo src/p
	touch -a -h -d '1955-05-05 05:05:05.555555555' src/f src/l src/d/g src/p
	touch -a -d '2055-05-05 05:05:05.000000005' src/d src/large
	touch -a -d '1988-08-08 08:08:08.888888888' src
	before=$(find src -printf '%p %A@\n' | sort)
	us --quiet --preserve=mode,times,atime src dst
	after=$(find dst -printf 'src%P %A@\n' | sed 's,^src\([^ ]\),src/\1,' | sort)
	# find itself reads directories: the copies of these are looked at one by one.
	[ "$(grep -v '^src\(/d\)\? ' <<<"$after")" = "$(grep -v '^src\(/d\)\? ' <<<"$before")" ]
}

@test "access times: a second run sets what differs and finds nothing then" {
	need_root
	mkdir -p src/d
	printf x >src/f
	touch -a -d '2003-03-03 03:03:03.3' src/f src/d
	us --quiet --preserve=mode,times,atime src dst
	[ "$(stat -c %x dst/d dst/f)" = "$(stat -c %x src/d src/f)" ]
	[ "$(stat -c %X src/f)" = "$(date -d '2003-03-03 03:03:03' +%s)" ]
	touch -a -d 2005-05-05 dst/f dst/d
	run -0 us --preserve=mode,times,atime -i src dst
	[[ $output == *'.f......u.. f'* ]]
	[[ $output == *'.d......u.. d/'* ]]
	[ "$(stat -c %x dst/d dst/f)" = "$(stat -c %x src/d src/f)" ]
	run -0 us --preserve=mode,times,atime -i src dst
	[ "${#lines[@]}" -eq 1 ]
}

@test "the source's access times are left as they were" {
	need_root
	mount_tmpfs fs size=8M,strictatime
	cd fs
	mkdir -p src/d
	printf x >src/f
	head -c 300000 /dev/urandom >src/large
	printf y >src/d/g
	touch -a -d '1999-09-09 09:09:09.9' src/d/g src/f src/large src/d src
	before=$(stat -c '%n %x' src src/d src/f src/large src/d/g)
	for flags in '' -a --checksum -I; do
		us --quiet $flags src dst
		[ "$(stat -c '%n %x' src src/d src/f src/large src/d/g)" = "$before" ]
	done
}

@test "a default ACL of the destination does not change modes, with -a or without" {
	need_acl
	mkdir -p src/d/e
	printf x >src/f
	printf y >src/d/e/g
	mkfifo src/p
	chmod 0604 src/f
	chmod 0711 src/d
	chmod 0640 src/p
	touch -d 2001-01-01 src/f
	for flags in '' -a; do
		mkdir "dst$flags"
		setfacl -d -m u:1234:rwx,g::rwx,o::rwx "dst$flags"
		run -0 us $flags src "dst$flags"
		same_tree src "dst$flags"
	done
	treecmp -XOH src dst-a
	# Without -a nobody asked for the ACLs to go; with a second run they do.
	run -0 us -a src dst
	treecmp -XOH src dst
}

@test "a directory with a default ACL: what is in it gets the source's ACLs and no more" {
	need_acl
	mkdir -p src/d/sub
	printf x >src/d/before
	printf y >src/d/sub/before
	setfacl -d -m u:1234:rwx src/d
	printf z >src/d/after
	mkdir src/d/inherits
	run -0 us -a src dst
	treecmp -XOH src dst
	[ "$(getfacl -c dst/d/before)" = "$(getfacl -c src/d/before)" ]
	[ "$(getfacl -c dst/d/after)" = "$(getfacl -c src/d/after)" ]
	run -0 us -a -i src dst
	[ "${#lines[@]}" -eq 1 ]
}

@test "--preserve takes exactly what is named" {
	need_root
	need_xattrs
	need_acl
	mkdir src
	printf x >src/f
	setfattr -n user.k -v v src/f
	setfacl -m u:1234:rw src/f
	chown 12:34 src/f
	ln src/f src/g
	chmod 0666 src/f
	touch -d 2001-01-01 src/f
	run -0 us --preserve=xattr src xattr
	[ "$(getfattr --only-values -n user.k xattr/f)" = v ]
	[ "$(getfacl -cE xattr/f | grep -c 1234)" = 0 ]
	[ "$(owner_of xattr/f)" = 0:0 ]
	[ "$(stat -c %h xattr/f)" = 1 ]
	run -0 us --preserve=acl src acl
	[ "$(getfacl -cEn acl/f)" = "$(getfacl -cEn src/f)" ]
	[ -z "$(getfattr -d acl/f)" ]
	[ "$(owner_of acl/f)" = 0:0 ]
	run -0 us --preserve=owner src owner
	[ "$(owner_of owner/f)" = 12:34 ]
	[ -z "$(getfattr -d owner/f)" ]
	run -0 us --preserve=links src links
	[ "$(stat -c %h links/f)" = 2 ]
	run -0 us --preserve=all src all
	same_archive src all
	run -0 us -a --no-preserve=xattr,acl,owner,links src none
	[ "$(owner_of none/f)" = 0:0 ]
	[ "$(stat -c %h none/f)" = 1 ]
	[ -z "$(getfattr -d none/f)" ]
	[ "$(getfacl -cE none/f | grep -c 1234)" = 0 ]
}

@test "an ordinary user: one warning a kind with a count" {
	need_root
	need_user
	need_xattrs
	mkdir -p src/d out
	for i in 1 2 3; do
		printf '%s' "$i" >"src/d/$i"
	done
	ln -s d src/l
	setcap cap_chown+ep src/d/1
	setcap cap_chown+ep src/d/2
	setfacl -m u:1234:r src/d/3
	chmod 4755 src/d/1
	setcap cap_chown+ep src/d/1
	mknod src/null c 1 3
	rm src/null
	chown 65534:65534 out
	run -0 --separate-stderr us_user -a src out/dst
	[ "$(grep -c 'owner or group could not be kept (6 entries' <<<"$stderr")" = 1 ]
	[ "$(grep -c 'extended attributes could not be kept (2 entries' <<<"$stderr")" = 1 ]
	[ "$(wc -l <<<"$stderr")" = 2 ]
	[ "$(mode_of out/dst/d/1)" = 755 ]
	[ "$(getfacl -cEn out/dst/d/3)" = "$(getfacl -cEn src/d/3)" ]
	treecmp -M src out/dst
	# The second run can do no better, says so again and writes nothing.
	before=$(ctimes out/dst)
	run -0 --separate-stderr us_user -a -i src out/dst
	[ "$(wc -l <<<"$stderr")" = 2 ]
	[ "$(ctimes out/dst)" = "$before" ]
	run -23 --separate-stderr us_user --preserve=xattr src out/strict
	[ "$(grep -c 'set extended attributes: ' <<<"$stderr")" = 2 ]
	[ "$(summary failed)" = 2 ]
	run -23 --separate-stderr us_user -a --preserve=owner src out/strict2
	[ "$(grep -c 'set owner: ' <<<"$stderr")" = 6 ]
	# And so for a copy that is there.
	run -23 --separate-stderr us_user --preserve=owner src out/strict2
	[ "$(summary failed)" = 6 ]
}

@test "an ordinary user cannot make devices: failures of these alone" {
	need_root
	need_user
	mkdir -p src out
	chmod 0777 out
	mknod src/null c 1 3
	mkfifo src/fifo
	printf x >src/f
	run -23 --separate-stderr us_user src out/dst
	[ "$(wc -l <<<"$stderr")" = 1 ]
	[[ $stderr == *'dst/null: make special file: Operation not permitted' ]]
	[ -p out/dst/fifo ]
	cmp src/f out/dst/f
}

@test "special files replace what else has their name, and other numbers are other devices" {
	need_root
	mkdir src dst
	mknod src/c c 1 3
	mknod src/b b 7 200
	mkfifo src/p
	printf x >src/f
	mknod dst/c c 1 5
	mkfifo dst/b
	printf x >dst/p
	mknod dst/f b 7 200
	run -0 us -a src dst
	same_archive src dst
	no_temporaries dst
}

@test "a socket is made anew" {
	mkdir src
	python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("src/s")' 2>/dev/null || skip 'no socket to make'
	touch -d 2001-01-01 src/s
	run -0 us src dst
	[ -S dst/s ]
	same_tree src dst
}

@test "no call gives more than the source's mode before the owner is right" {
	need_root
	need_strace
	need_plain_calls
	mkdir -p src/d dst/d
	printf x >src/d/private
	printf x >src/d/there
	printf older >dst/d/there
	mkfifo src/d/fifo
	mkdir src/d/sub
	chmod 0600 src/d/*
	chmod 0700 src/d/sub
	chown 12:34 src/d/* src/d
	chmod 2770 src/d
	printf x >src/d/grouped
	chown 12:34 src/d/grouped
	chmod 4750 src/d/grouped
	traced openat,openat2,mkdirat,mkdir,mknodat,mknod,fchmod,fchmodat,?fchmodat2,chmod -a src dst
	same_archive src dst
	# Made: never for the group or others.
	! grep -E 'O_CREAT.*, 0[0-7]*([1-7][0-7]|[1-7])\)( |$)' trace
	! grep -E '(mkdirat|mknodat).* (S_IFIFO\|)?0[0-7]*([1-7][0-7]|[1-7])(, |\))' trace
	! grep -E 'chmod.*, 0?[0-7]*[1-7]( |,|\))' <(grep -v ', 0*[0-7]*0[),]' trace)
}

@test "a copy under way is never open to more users than its source" {
	mkdir -p src/d
	for i in {1..60}; do
		head -c 200000 /dev/urandom >"src/d/$i"
		ln -s "$i" "src/d/l$i"
	done
	chmod 0600 src/d/[0-9]*
	chmod 0700 src/d src
	mkdir dst
	(while [ ! -e done ]; do find dst -mindepth 1 ! -type l -perm /077 -print 2>/dev/null; done >wider) &
	watcher=$!
	for flags in '' -a -I '-I -a'; do
		us --quiet $flags src dst
	done
	touch done
	wait "$watcher" || true
	[ ! -s wider ]
	same_tree src dst
}

@test "no room for an attribute is not a full destination" {
	need_xattrs
	need_fault
	small_tree src 3 10
	setfattr -n user.k -v v src/dir-0/file-0
	setfattr -n user.k -v v src/dir-1
	for error in ENOSPC EDQUOT; do
		rm -rf dst
		run us_fault "setxattr:$error+" -a src dst
		[[ $status -eq 0 || $status -eq 23 ]] || { echo "$error: $status: $output"; return 1; }
		treecmp -T src dst
	done
}

@test "an attribute that can't be set leaves contents, and no half of a mode" {
	need_root
	need_fault
	mkdir src
	printf x >src/f
	chown 12:34 src/f
	chmod 6755 src/f
	run -0 --separate-stderr us_fault chown:EPERM+ -a src dst
	[[ $stderr == *'owner or group could not be kept (1 entry'* ]]
	[ "$(mode_of dst/f)" = 755 ]
	run -23 us_fault chown:EIO+ -a src dst2
	[ ! -u dst2/f ]
	run -23 us_fault fchmod:EIO+ -a src dst3
	[ ! -e dst3/f ] || [ $((0$(mode_of dst3/f) & 077)) -eq 0 ]
}

@test "hard links with extended attributes: a dry run and verify find no difference where there is none" {
	need_xattrs
	mkdir -p src/d
	printf x >src/f
	setfattr -n user.k -v v src/f
	ln src/f src/d/g
	us -a src dst
	run -0 us verify -a src dst
	[[ $output == *' 0 differ,'* ]]
	run -0 us -a -n --quiet src dst
	[ -z "$output" ]
	# Where there is one all names get a new file, for others could have the old one.
	setfattr -n user.k -v w src/f
	run -23 us verify -a src dst
	[ "$(grep -c '^hf' <<<"$output")" = 1 ]
	run -0 us -a -i --quiet src dst
	[ "$(grep -c '^hf' <<<"$output")" = 1 ]
	run -0 us verify -a src dst
}
