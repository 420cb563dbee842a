# SPDX-License-Identifier: MIT
# What SOURCE and DESTINATION mean.
load lib

@test "one file to a new name" {
	printf hello >a
	chmod 0640 a
	touch -d '2001-02-03 04:05:06.789' a
	run -0 us a b
	cmp a b
	[ "$(stat -c '%a %y' a)" = "$(stat -c '%a %y' b)" ]
}

@test "one file into a directory" {
	printf hello >a
	mkdir d
	run -0 us a d
	cmp a d/a
	run -0 us "$T/a" d/
	cmp a d/a
	[ "$(ls d)" = a ]
}

@test "one file to a name in a directory that is missing is refused or made, never elsewhere" {
	printf hello >a
	run us a x/y/b
	if [ "$status" -eq 0 ]; then
		cmp a x/y/b
	else
		[ "$status" -eq 1 ]
		[ ! -e x/y/b ]
	fi
}

@test "a directory becomes the destination, whose parents are made" {
	small_tree src 2 3
	run -0 us src x/y/dst
	same_tree src x/y/dst
	[ "$(ls x/y)" = dst ]
}

@test "a directory's contents go into a destination that exists" {
	small_tree src 2 3
	mkdir -p dst/dir-0
	printf mine >dst/own
	printf mine >dst/dir-0/own
	run -0 us src dst
	[ "$(cat dst/own)" = mine ]
	[ "$(cat dst/dir-0/own)" = mine ]
	rm dst/own dst/dir-0/own
	same_tree -T src dst
	[ ! -e dst/src ]
}

@test "trailing slashes change nothing about a directory" {
	small_tree src 2 3
	run -0 us src/ dst/
	same_tree src dst
	run -0 us src// other
	same_tree src other
	run -0 us ./src/. third
	same_tree src third
}

@test "an empty directory" {
	mkdir src
	run -0 us src dst
	[ -d dst ]
	[ "$(summary files)" = 0 ]
	[ "$(summary directories)" = 1 ]
}

@test "an empty file" {
	: >a
	run -0 us a b
	[ -f b ]
	[ ! -s b ]
	[ "$(summary files)" = 1 ]
	[ "$(summary bytes)" = 0 ]
}

@test "several sources into a directory, each under its name" {
	small_tree one 1 2
	small_tree two 2 2
	printf hello >file
	ln -s nowhere link
	mkdir dst
	run -0 us one two/ file link dst
	same_tree one dst/one
	same_tree two dst/two
	cmp file dst/file
	[ "$(readlink dst/link)" = nowhere ]
	[ "$(ls dst | wc -l)" -eq 4 ]
}

@test "several sources need an existing directory" {
	small_tree one 1 1
	small_tree two 1 1
	run -1 --separate-stderr us one two missing
	[[ $stderr == "uring-sync: "* ]]
	[ ! -e missing ]
	printf old >file
	run -1 us one two file
	[ "$(cat file)" = old ]
}

@test "two sources of one name are refused before anything is written" {
	small_tree x/same 1 1
	small_tree y/same 1 1
	mkdir dst
	run -1 --separate-stderr us x/same y/same dst
	[[ $stderr == *same* ]]
	[ -z "$(ls -A dst)" ]
}

@test "a source that is missing is named, and nothing is written" {
	run -1 --separate-stderr us missing dst
	[[ $stderr == *"missing"*"No such file or directory"* ]]
	[ ! -e dst ]
}

@test "an empty name, as of a variable that is not set, is told and copies nothing" {
	mkdir src dst
	printf x >src/f
	run -1 us '' dst
	[[ $output == *'a source has an empty name'* ]]
	run -1 us src '' dst
	[[ $output == *'a source has an empty name'* ]]
	run -1 us src ''
	[[ $output == *'the destination has an empty name'* ]]
	[ -z "$(ls -A dst)" ]
}

@test "one missing source among several is a failure of that one" {
	mkdir dst
	printf hello >a
	run -23 --separate-stderr us a missing dst
	[[ $stderr == *"missing: stat: No such file or directory"* ]]
	[ "$(ls -A dst)" = a ]
	[ "$(<dst/a)" = hello ]
}

@test "a symbolic link on the command line is copied as a link" {
	mkdir d
	printf x >d/f
	ln -s d to-dir
	ln -s d/f to-file
	ln -s nowhere dangling
	for link in to-dir to-file dangling; do
		run -0 us "$link" "copy-$link"
		[ "$(readlink "copy-$link")" = "$(readlink "$link")" ]
	done
}

@test "a link to a directory with a trailing slash is that directory" {
	small_tree real 2 2
	ln -s real link
	run -0 us link/ dst
	[ ! -L dst ]
	same_tree real dst
}

@test "a destination that is a link to a directory is that directory" {
	small_tree src 2 2
	mkdir real
	ln -s real link
	run -0 us src link
	[ -L link ]
	same_tree src real
}

@test "names that begin with a dash" {
	printf hello >-v
	run -0 us -- -v --help
	cmp ./-v ./--help
}

@test "names relative to the working directory" {
	small_tree src 2 2
	mkdir sub
	cd sub
	run -0 us ../src .
	same_tree -T ../src .
	run -0 us . ../other
	same_tree . ../other
}

@test "a destination whose path is longer than PATH_MAX cannot be made from here; one relative to it can" {
	small_tree src 2 2
	long=$(printf 'x%.0s' {1..200})
	top=$PWD
	for i in {1..25}; do
		mkdir "$long"
		cd "$long"
	done
	run -0 us "$top/src" dst
	same_tree "$top/src" dst
}
