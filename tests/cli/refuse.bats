# SPDX-License-Identifier: MIT
# What would harm the source is refused before anything is written.
load lib

# refused ARGUMENTS...: exit 1, one message, and the tree "src" is as it was.
refused() {
	rm -rf before
	cp -a src before
	run -1 --separate-stderr us "$@"
	[[ $stderr == "uring-sync: "* ]]
	[ "$(printf '%s\n' "$stderr" | wc -l)" -eq 1 ]
	same_tree before src
}

@test "a tree into itself" {
	small_tree src 2 2
	refused src src/new
	refused src src/dir-0
	refused src src/new/deeper/still
}

@test "a tree onto itself" {
	small_tree src 2 2
	refused src src
	refused src src/
	refused src ./src/.
	refused src/ src/dir-0/..
	refused src "$PWD/src"
}

@test "a tree into itself by way of links and dots" {
	small_tree src 2 2
	ln -s src link
	ln -s src/dir-0 deep
	refused src link/new
	refused src deep/new
	refused src deep
	refused link/ src/new
	refused src src/dir-0/../new
	mkdir dst
	refused src dst/../src/new
}

@test "the working directory into a place below it" {
	small_tree src 2 2
	cd src
	run -1 us . sub/dir
	[ ! -e sub ]
	run -1 us "$PWD" new
	[ ! -e new ]
	run -1 us ../src .
	[ "$(find . -type f | wc -l)" -eq 4 ]
}

@test "one of several sources holds the destination" {
	small_tree src 2 2
	small_tree other 1 1
	mkdir src/dst
	refused other src src/dst
	[ -z "$(ls -A src/dst)" ]
}

@test "a name that only begins like the source is not inside it" {
	small_tree src 2 2
	run -0 us src src-copy
	same_tree src src-copy
	run -0 us src/dir-0 src/dir-00
	same_tree src/dir-0 src/dir-00
}

@test "a file onto itself" {
	printf precious >f
	ln f hard
	ln -s f soft
	mkdir d
	ln -s ../f d/f
	for to in f ./f "$PWD/f" hard soft . d/../f d/f; do
		run -1 --separate-stderr us f "$to"
		[[ $stderr == "uring-sync: "* ]]
		[ "$(cat f)" = precious ]
		[ "$(cat hard)" = precious ]
	done
	[ "$(readlink soft)" = f ]
	[ "$(readlink d/f)" = ../f ]
}

@test "a link onto what it points to" {
	printf precious >f
	ln -s f soft
	run -1 us soft f
	[ ! -L f ]
	[ "$(cat f)" = precious ]
	run -1 us soft soft
	[ "$(readlink soft)" = f ]
}

@test "a tree whose copy holds links back into the source leaves the source whole" {
	mkdir src dst
	printf one >src/hard
	printf two >src/soft
	ln src/hard dst/hard
	ln -s ../src/soft dst/soft
	cp -a src before
	run us src dst
	[[ $status -eq 0 || $status -eq 23 ]]
	same_tree before src
	[ "$(cat dst/hard)" = one ]
	[ "$(cat dst/soft)" = two ]
}

@test "a source that lies in the destination is not written into" {
	mkdir -p d/sub/sub
	echo outer >d/sub/file
	echo inner >d/sub/sub/file
	run -23 --separate-stderr us d/sub d
	[[ $stderr == *"d/sub: copy: it is a source itself"* ]]
	[ "$(<d/sub/file)" = outer ]
}

@test "a source without a name of its own among several" {
	mkdir -p s/sub d
	echo one >s/x
	echo two >s/sub/x
	cd s
	run -1 --separate-stderr us . sub/x ../d
	[ -z "$(ls -A ../d)" ]
}

@test "'..' below what does not exist is refused before anything is made" {
	small_tree src 1 1
	refused src new/../src/sub
	[ ! -e new ]
}

@test "a tree into a directory that is bound into it" {
	[ "$(id -u)" -eq 0 ] || skip 'needs root to mount'
	mkdir -p top/a/b
	mount --bind top/a top/a/b || skip 'cannot mount'
	MOUNTED=$PWD/top/a/b
	run -1 us top top/a/b
	[ -z "$(ls -A top/a/b/b)" ]
}


@test "two runs into one destination: the second is refused, until the first has ended" {
	small_tree src 1 1
	mkdir dst
	run -1 --separate-stderr flock dst "$US_BIN" src dst
	[[ $stderr == *'dst: another uring-sync is copying to it'* ]]
	[ -z "$(ls -A dst)" ]
	run -0 flock dst "$US_BIN" -n src dst
	run -0 us src dst
	same_tree src dst
}

@test "single entries go into one directory side by side, but not into a tree that is made" {
	mkdir dst
	echo one >f
	run -0 flock -s dst "$US_BIN" f dst
	[ "$(<dst/f)" = one ]
	run -1 --separate-stderr flock dst "$US_BIN" f dst
	[[ $stderr == *'another uring-sync is copying to it'* ]]
	run -1 flock -s dst "$US_BIN" . dst
}

@test "a destination that can't be locked is copied to, and -v says so" {
	need_fault
	small_tree src 1 1
	run -0 --separate-stderr us_fault flock:EINVAL -v src dst
	[[ $stderr == *"the destination can't be locked (Invalid argument)"* ]]
	same_tree src dst
}
