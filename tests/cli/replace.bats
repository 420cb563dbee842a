# SPDX-License-Identifier: MIT
# What is in the destination already.
load lib

@test "an existing file is replaced whole, and its links elsewhere keep the old contents" {
	mkdir src dst
	printf new >src/f
	printf 'old and much longer than the new one' >dst/f
	ln dst/f elsewhere
	exec 7<dst/f
	old=$(stat -c %i dst/f)
	run -0 us src dst
	[ "$(cat dst/f)" = new ]
	[ "$(stat -c %i dst/f)" != "$old" ]
	[ "$(cat elsewhere)" = 'old and much longer than the new one' ]
	[ "$(cat <&7)" = 'old and much longer than the new one' ]
	same_tree src dst
	no_temporaries dst
}

@test "the same for a single file" {
	printf new >f
	printf 'old and longer' >g
	ln g elsewhere
	chmod 0600 g
	run -0 us f g
	[ "$(cat g)" = new ]
	[ "$(mode_of g)" = 644 ]
	[ "$(cat elsewhere)" = 'old and longer' ]
	no_temporaries .
}

@test "a file without the right to write is replaced" {
	need_user
	as_user mkdir src dst
	as_user sh -c 'echo new >src/f; echo old >dst/f; touch -d 2001-01-01 dst/f; chmod 0444 src/f dst/f'
	run -0 us_user src dst
	[ "$(cat dst/f)" = new ]
	[ "$(mode_of dst/f)" = 444 ]
}

@test "a link in place of a file is replaced, not followed" {
	mkdir src dst
	printf new >src/f
	printf precious >target
	ln -s ../target dst/f
	run -0 us src dst
	[ ! -L dst/f ]
	[ "$(cat dst/f)" = new ]
	[ "$(cat target)" = precious ]
}

@test "a dangling link in place of a file is replaced, and nothing is made behind it" {
	mkdir src dst
	printf new >src/f
	ln -s ../target dst/f
	run -0 us src dst
	[ ! -L dst/f ]
	[ "$(cat dst/f)" = new ]
	[ ! -e target ]
}

@test "a single file onto a dangling link does not write behind it" {
	printf new >f
	ln -s target g
	run us f g
	[ ! -e target ]
	[ "$status" -ne 0 ] || [ "$(cat g)" = new ]
}

@test "a link in place of a directory is not followed" {
	small_tree src 1 2
	mkdir dst other
	printf precious >other/file-0
	ln -s ../other dst/dir-0
	run -23 --separate-stderr us src dst
	[[ $stderr == *dir-0* ]]
	[ "$(cat other/file-0)" = precious ]
	[ "$(ls other)" = file-0 ]
}

@test "an existing link is replaced by the source's" {
	mkdir src dst
	ln -s new src/l
	ln -s old dst/l
	printf file >dst/m
	ln -s new src/m
	run -0 us src dst
	[ "$(readlink dst/l)" = new ]
	[ "$(readlink dst/m)" = new ]
	same_tree src dst
	no_temporaries dst
}

@test "a directory where the source has a file is a failure of that entry alone" {
	small_tree src 2 2
	mkdir -p dst/dir-0/file-0/sub
	run -23 --separate-stderr us src dst
	[[ $stderr == *dir-0/file-0* ]]
	[ "$(summary failed)" = 1 ]
	[ "$(summary files)" = 3 ]
	[ -d dst/dir-0/file-0/sub ]
	cmp src/dir-1/file-1 dst/dir-1/file-1
	no_temporaries dst
}

@test "an empty directory where the source has a link is a failure of that entry alone" {
	mkdir src dst dst/l
	ln -s x src/l
	printf x >src/f
	run -23 us src dst
	[ -d dst/l ]
	cmp src/f dst/f
	no_temporaries dst
}

@test "a file where the source has a directory is a failure of that entry alone" {
	small_tree src 2 2
	mkdir dst
	printf precious >dst/dir-0
	run -23 --separate-stderr us src dst
	[[ $stderr == *dir-0* ]]
	[ "$(cat dst/dir-0)" = precious ]
	cmp src/dir-1/file-1 dst/dir-1/file-1
}

@test "a directory to a place where a file is" {
	small_tree src 1 1
	printf precious >dst
	run us src dst
	[[ $status -eq 1 || $status -eq 23 ]]
	[ "$(cat dst)" = precious ]
}

@test "a tree is copied over an older copy of itself" {
	small_tree src 4 30
	run -0 us src dst
	for f in src/dir-*/file-1*; do
		printf 'changed %s\n' "$f" >"$f"
	done
	chmod 0600 src/dir-2/file-2
	touch -d 1999-01-01 src/dir-3 src/dir-1/file-5
	run -0 us src dst
	same_tree src dst
	no_temporaries dst
}

@test "a FIFO in place of a file is replaced, not opened" {
	mkdir src dst
	printf new >src/f
	mkfifo dst/f
	run -0 timeout 20 "$US_BIN" ${US_ARGS:-} src dst
	[ "$(cat dst/f)" = new ]
}

@test "a file of the user's that has the name of this program's mark is copied, and stays" {
	for content in precious ''; do
		rm -rf src dst
		mkdir src
		printf %s "$content" >src/.uring-sync.run
		printf 1 >src/f
		run -0 us -a src dst
		same_tree src dst
		# Now it is made, or found, before the file's turn, too.
		for n in 22 333; do
			printf %s $n >src/f
			run -0 us -a src dst
			same_tree src dst
		done
	done
}
