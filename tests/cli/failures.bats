# SPDX-License-Identifier: MIT
# Entries that cannot be copied: each is reported once, all others are copied, exit 23.
load lib

@test "an unreadable file" {
	need_user
	as_user mkdir src
	as_user sh -c 'echo 1 >src/a; echo 2 >src/secret; echo 3 >src/z; chmod 0 src/secret'
	run -23 --separate-stderr us_user src dst
	[ "$stderr" = 'uring-sync: src/secret: open: Permission denied' ]
	[ ! -e dst/secret ]
	cmp src/a dst/a
	cmp src/z dst/z
	[ "$(summary files)" = 2 ]
	[ "$(summary failed)" = 1 ]
	no_temporaries dst
}

@test "an unreadable directory" {
	need_user
	as_user sh -c 'mkdir -p src/closed src/open; echo 1 >src/closed/f; echo 2 >src/open/f; chmod 0 src/closed'
	run -23 --separate-stderr us_user src dst
	[[ $stderr == "uring-sync: src/closed: "*": Permission denied" ]]
	[ "$(printf '%s\n' "$stderr" | wc -l)" -eq 1 ]
	[ "$(as_user cat dst/open/f)" = 2 ]
	[ "$(summary failed)" = 1 ]
}

@test "a directory that may be listed but not entered" {
	need_user
	as_user sh -c 'mkdir -p src/listed src/open; echo 1 >src/listed/f; echo 2 >src/open/f; chmod 0400 src/listed'
	run -23 --separate-stderr us_user src dst
	[[ $stderr == *src/listed*"Permission denied"* ]]
	[ "$(as_user cat dst/open/f)" = 2 ]
}

@test "a source root that cannot be read" {
	need_user
	as_user mkdir src
	as_user chmod 0 src
	run --separate-stderr us_user src dst
	[[ $status -eq 1 || $status -eq 23 ]]
	[[ $stderr == *src*"Permission denied"* ]]
}

@test "a destination that cannot be written" {
	need_user
	as_user sh -c 'mkdir src dst; echo 1 >src/f; chmod 0755 src; chmod 0555 dst'
	run --separate-stderr us_user src dst/new
	[[ $status -eq 1 || $status -eq 23 ]]
	[[ $stderr == *"Permission denied"* ]]
}

@test "a directory of the destination that cannot be written and is not ours" {
	need_root
	need_user
	as_user sh -c 'mkdir -p src/a src/b dst; echo 1 >src/a/f; echo 2 >src/b/f'
	mkdir dst/a
	chmod 0755 dst/a
	run -23 --separate-stderr us_user src dst
	[[ $stderr == *"a/f: "*"Permission denied"* ]]
	[ "$(cat dst/b/f)" = 2 ]
	[ -z "$(ls -A dst/a)" ]
}

@test "a hundred failures are a hundred lines and a right count" {
	need_user
	as_user mkdir src
	as_user sh -c 'i=0; while [ $i -lt 200 ]; do echo $i >src/f$i; i=$((i+1)); done; chmod 0 src/f1??'
	run -23 --separate-stderr us_user src dst
	[ "$(printf '%s\n' "$stderr" | wc -l)" -eq 100 ]
	[ "$(printf '%s\n' "$stderr" | sort -u | wc -l)" -eq 100 ]
	[ "$(summary failed)" = 100 ]
	[ "$(summary files)" = 100 ]
}

@test "a name with control characters does not reach the terminal as it is" {
	mkdir src
	printf x >$'src/a\nb\033[31m\\c'
	mkdir -p $'dst/a\nb\033[31m\\c'
	printf x >$'src/new\nline\t\001'
	run -23 --separate-stderr us -v src dst
	[[ $stderr == *'dst/a\nb\033[31m\\c: '* ]]
	[[ $output == *'src/new\nline\t\001'* ]]
	printable
	[ -f $'dst/new\nline\t\001' ]
}

@test "characters are printed as they are, and what is none, commands a terminal or turns the line is escaped" {
	mkdir src
	printf x >$'src/caf\xc3\xa9\xff'
	mkdir -p $'dst/caf\xc3\xa9\xff'
	printf x >$'src/\xe2\x80\xaegpj.exe'
	printf x >$'src/\x9b31m\xc2\x9b31m'
	run -23 --separate-stderr us -v --log-file=log src dst
	[[ $stderr == *$'caf\xc3\xa9\\377: '* ]]
	[[ $(cat log) == *$'caf\xc3\xa9\\377: '* ]]
	for text in "$output" "$(cat log)"; do
		[[ $text == *'\342\200\256gpj.exe'* ]]
		[[ $text == *'\23331m\302\23331m'* ]]
		[[ $text != *$'\xe2\x80\xae'* ]]
		[[ $text != *$'\x9b'* ]]
	done
	[ -f $'dst/\xe2\x80\xaegpj.exe' ]
}

@test "a directory that can't be read fails once, whatever attributes it has" {
	need_user
	as_user sh -c 'mkdir -p src/closed; echo 1 >src/closed/f'
	setfattr -n user.k -v v src/closed 2>/dev/null || skip 'no extended attributes here'
	as_user chmod 0 src/closed
	run -23 --separate-stderr us_user -a src dst
	[ "$stderr" = 'uring-sync: src/closed: open directory: Permission denied' ]
	[ "$(summary failed)" = 1 ]
	[ -d dst/closed ]
	[ "$(mode_of dst/closed)" = 0 ]
	# Now it is the copy that is closed.
	as_user chmod 700 src/closed
	run -23 --separate-stderr us_user src dst
	[ "$stderr" = 'uring-sync: dst/closed: open directory: Permission denied' ]
	[ "$(summary failed)" = 1 ]
	as_user chmod 0 src/closed
	# By way of a symbolic link, too.
	as_user sh -c 'mkdir by; ln -s ../src/closed by/link'
	run -23 --separate-stderr us_user -a -L by dst2
	[ "$stderr" = 'uring-sync: by/link: open directory: Permission denied' ]
	[ -d dst2/link ]
}

@test "what can't be removed counts once, and is listed by its own name" {
	need_fault
	mkdir src dst
	printf new >src/f
	printf older >dst/f
	run -23 --separate-stderr us_fault write:EIO+,splice:EIO+,clone:EIO+,unlinkat:EPERM+ --failed-list=list src dst
	[[ $stderr == *'dst/f: remove what there is of it, .uring-sync.'*': Operation not permitted' ]]
	[ "$(summary failed)" = 1 ]
	[ "$(tr '\0' '\n' <list | sort -u)" = f ]
	[ "$(cat dst/f)" = older ]
}

@test "a working directory that can't be searched does not matter to absolute paths" {
	need_user
	need_root
	mkdir src dst shut
	chmod 0777 dst
	printf x >src/f
	chmod 0700 shut
	cd shut
	run -0 us_user "$T/src/f" "$T/dst"
	cmp "$T/src/f" "$T/dst/f"
}

# one_of_each: the destination has one of each pair of names, whole, and the other was reported.
one_of_each() {
	local a b
	[ "$status" -eq 23 ]
	[ "$(summary failed)" = 3 ]
	[ "$(grep -c ': copy: a name that differs in case alone is the same in the destination$' <<<"$stderr")" = 3 ]
	cmp src/other back/dst/other
	for a in FILE LINK; do
		b=${a,,}
		[ "$(readlink "back/dst/$b" || cat "back/dst/$b")" = "$(readlink "src/$a" || cat "src/$a")" ] ||
			[ "$(readlink "back/dst/$b" || cat "back/dst/$b")" = "$(readlink "src/$b" || cat "src/$b")" ]
	done
	# Not those of the two directories in one.
	[ "$(ls back/dst/sub)" = in-capitals ] || [ "$(ls back/dst/sub)" = in-small ]
	no_temporaries back
}

@test "two names that are one in the destination: one is copied and one reported, in each run" {
	mount_passfs back there timeout=0,nocase
	mkdir -p src/SUB src/sub
	printf 1 >src/FILE
	printf 22 >src/file
	ln -s to-1 src/LINK
	ln -s to-22 src/link
	touch src/SUB/in-capitals src/sub/in-small
	printf other >src/other
	for args in '' '' --checksum '-a --delete' --dry-run; do
		# shellcheck disable=SC2086
		run --separate-stderr us $args src there/dst
		one_of_each
	done
}

@test "two names that differ in case alone are two where the file system tells them apart" {
	mkdir -p src/SUB src/sub
	printf 1 >src/FILE
	ln src/FILE src/file
	touch src/SUB/f src/sub/f
	for args in '' '-a --delete' '-a --dry-run'; do
		# shellcheck disable=SC2086
		run -0 us $args src dst
	done
	same_tree src dst
	no_temporaries dst
}
