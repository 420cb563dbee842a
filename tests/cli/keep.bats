# SPDX-License-Identifier: MIT
# What is kept of an entry beside its contents: -a, --preserve, --no-preserve, --chmod, --chown.
load lib

# A tree in which every attribute occurs that this user can make.
attribute_tree() {
	mkdir -p src/dir/below src/readonly
	printf one >src/file
	printf two >src/dir/below/file
	ln -s file src/link
	mkfifo src/fifo
	chmod 0640 src/file
	chmod 1750 src/dir
	printf locked >src/readonly/file
	touch -d '1960-02-03 04:05:06.789012345' src/file
	touch -h -d '2050-02-03 04:05:06.000000001' src/link
	touch -d '1999-12-31 23:59:59.999999999' src/dir/below src/fifo
	setfattr -n user.colour -v blue src/file 2>/dev/null || true
	setfattr -n user.of-a-directory -v yes src/dir 2>/dev/null || true
	setfacl -m u:65534:r src/dir/below/file 2>/dev/null || true
	setfacl -d -m u:65534:rx src/dir/below 2>/dev/null || true
	chmod 0555 src/readonly
}

# The same for root: what only he can make.
root_tree() {
	attribute_tree
	chmod 0755 src/readonly
	mknod src/char c 1 3
	mknod src/block b 7 200
	chmod 4755 src/file
	printf cap >src/capable
	chown 12:34 src/capable
	setcap cap_net_raw+ep src/capable 2>/dev/null || true
	chown -h 5:6 src/link
	chown 1000:1001 src/dir src/fifo
	setfattr -n trusted.secret -v 1 src/dir/below/file 2>/dev/null || true
	setfattr -h -n trusted.of-a-link -v 1 src/link 2>/dev/null || true
	chmod 2750 src/dir
	touch -d '2001-01-01 00:00:00.5' src/dir/below/file src/dir
	chmod 0555 src/readonly
}

# judge FLAGS SRC DST: rsync would change nothing.
judge() {
	local out
	out=$(rsync "$1" --delete --checksum --dry-run --itemize-changes "$2/" "$3/" 2>&1)
	[ -z "$out" ] || { printf '%s\n' "$out" | head; return 1; }
}

@test "-a keeps all that rsync -aHAX would" {
	need_root
	root_tree
	run -0 --separate-stderr us -a src dst
	[ -z "$stderr" ]
	judge -aHAX src dst
	same_tree src dst
	[ "$(getcap dst/capable | cut -d' ' -f2)" = "$(getcap src/capable | cut -d' ' -f2)" ]
}

@test "-a as an ordinary user keeps all that he may set" {
	need_user
	mkdir home
	chmod 0777 home
	cd home
	export -f attribute_tree
	as_user bash -c attribute_tree
	run -0 --separate-stderr us_user -a src dst
	[ -z "$stderr" ]
	judge -aHAX src dst
	as_user chmod -R u+w src dst
}

@test "without options contents, kinds, modes and times are kept, and nothing else" {
	need_root
	root_tree
	run -0 us src dst
	# A set-id bit goes only to the same owner and group.
	[ -z "$(rsync -rlptD --delete --checksum -n -i src/ dst/ | grep -vE '^\.d\.\.\.p')" ]
	[ "$(mode_of dst/dir)" = 750 ]
	[ "$(stat -c %u:%g dst/capable)" = 0:0 ]
	[ -z "$(getfattr -d dst/file 2>/dev/null)" ]
}

@test "set-id bits do not go to another owner" {
	need_root
	mkdir src
	printf x >src/f
	chown 12:34 src/f
	chmod 6755 src/f
	run -0 us src dst
	[ "$(mode_of dst/f)" = 755 ]
	run -0 us -a src dst2
	[ "$(mode_of dst2/f)" = 6755 ]
	[ "$(stat -c %u:%g dst2/f)" = 12:34 ]
}

@test "an owner that can't be kept is one warning with a count; named, a failure" {
	need_root
	need_user
	mkdir src
	chmod 0755 src
	printf x >src/a
	printf x >src/b
	mkdir out
	chmod 0777 out
	run -0 --separate-stderr us_user -a src out/dst
	[ "$(printf '%s\n' "$stderr" | wc -l)" -eq 1 ]
	[[ $stderr == *'warning: '*'owner or group could not be kept (3 entries'* ]]
	cmp src/a out/dst/a
	run -23 --separate-stderr us_user --preserve=owner src out/dst2
	[ "$(printf '%s\n' "$stderr" | grep -c 'set owner: ')" -eq 3 ]
	cmp src/b out/dst2/b
}

@test "extended attributes that can't be kept: a warning, or a failure" {
	mkdir src
	printf x >src/f
	setfattr -n user.k -v v src/f 2>/dev/null || skip 'no extended attributes here'
	need_fault
	run -0 --separate-stderr us_fault setxattr:EOPNOTSUPP+ -a src dst
	[[ $stderr == *'extended attributes could not be kept (1 entry'* ]]
	run -23 --separate-stderr us_fault setxattr:EOPNOTSUPP+ --preserve=xattr src dst2
	[[ $stderr == *'dst2/f: set extended attributes: Operation not supported'* ]]
	run -23 --separate-stderr us_fault setxattr:EIO+ -a src dst3
}

@test "access times on request, and the source's are left alone" {
	mkdir src
	printf x >src/f
	touch -a -d '2003-04-05 06:07:08.9' src/f
	touch -m -d 2004-01-01 src/f
	before=$(stat -c %x src/f)
	run -0 us --preserve=atime src dst
	[ "$(stat -c %x dst/f)" = "$before" ]
	if [ "$(id -u)" -eq 0 ]; then
		[ "$(stat -c %x src/f)" = "$before" ]
	fi
}

@test "a default ACL of the destination does not reach what is copied with -a" {
	mkdir src dst
	printf x >src/f
	mkdir src/d
	setfacl -d -m u:65534:rwx dst 2>/dev/null || skip 'no ACLs here'
	run -0 us -a src dst
	[ "$(getfacl -cE dst/f)" = "$(getfacl -cE src/f)" ]
	[ "$(getfacl -cE dst/d)" = "$(getfacl -cE src/d)" ]
}

@test "--no-preserve: mode by the umask, times of now, attributes dropped again" {
	mkdir src
	printf x >src/f
	chmod 0600 src/f
	chmod 0700 src
	touch -d 2001-01-01 src/f
	run -0 bash -c 'umask 027; exec "$0" "$@"' "$US_BIN" ${US_ARGS:-} --no-preserve=mode,times src dst
	[ "$(mode_of dst/f)" = 640 ]
	[ "$(mode_of dst)" = 750 ]
	[ "$(stat -c %Y dst/f)" -gt 1500000000 ]
	run -0 us -a --no-preserve=times src dst2
	[ "$(stat -c %Y dst2/f)" -gt 1500000000 ]
	[ "$(mode_of dst2/f)" = 600 ]
}

@test "attributes alone are mended without a new file" {
	mkdir src
	printf x >src/f
	ln -s f src/l
	touch -d 2001-01-01 src/f
	us --quiet -a src dst
	chmod 0600 dst/f
	inode=$(stat -c %i dst/f)
	run -0 us -a -i src dst
	[[ $output == *'.f...p..... f'* ]]
	[ "$(stat -c %i dst/f)" = "$inode" ]
	[ "$(mode_of dst/f)" = 644 ]
}

@test "--chmod and --chown" {
	mkdir -p src/d
	printf x >src/f
	printf x >src/x
	chmod 0755 src/x
	run -0 us --chmod D700,F640,u+X src dst
	[ "$(mode_of dst/d)" = 700 ]
	[ "$(mode_of dst/f)" = 640 ]
	run -0 us --chmod go-rwx,u=rwX src dst2
	[ "$(mode_of dst2/x)" = 700 ]
	[ "$(mode_of dst2/f)" = 600 ]
	run -2 us --chmod 99 src dst3
	[[ $output == *"--chmod: '99' is not valid"* ]]
	run -2 us --chown no-such-user src dst3
	[[ $output == *"--chown: 'no-such-user' is not valid"* ]]
	need_root
	run -0 us --chown 12:34 src dst4
	[ "$(stat -c %u:%g dst4/f dst4/d dst4 | sort -u)" = 12:34 ]
}

@test "a new file is never open to more users than its source is" {
	need_root
	mkdir src
	for i in {1..300}; do
		printf x >"src/$i"
	done
	chown 12:34 src/*
	chmod 0640 src/*
	mkdir dst
	# The leak sanitizer can't work under a tracer.
	run -0 env ASAN_OPTIONS=detect_leaks=0 strace -f -qq -e trace=openat,mkdirat -o trace \
		"$US_BIN" ${US_ARGS:-} -a src dst
	# Until the owner is set, the group is another one.
	! grep -E 'O_CREAT.*, 0[0-7]*[1-7][0-7]\)|O_CREAT.*, 0[0-7]*[1-7]\)' trace
	same_tree src dst
}

@test "wrong lists" {
	for list in '' mode,, nonsense mode:times; do
		run -2 us "--preserve=$list" a b
		[[ $output == *"--preserve: '$list' is not valid: any of mode, times,"* ]]
		run -2 us "--no-preserve=$list" a b
	done
	run -2 us --no-preserve
	[[ $output == *'its value is missing'* ]]
}
