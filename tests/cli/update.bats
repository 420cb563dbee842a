# SPDX-License-Identifier: MIT
# What becomes of what exists: update rules, --delete, --backup, a second run, a dry run, itemized changes.
load lib

# ctimes DIR: what a write of any kind would change.
ctimes() {
	find "$1" -printf '%p %i %C@\n' | sort
}

@test "a second run writes nothing and reads no contents" {
	small_tree src 5 20
	ln -s x src/link
	mkfifo src/fifo
	mkdir src/empty
	chmod 0555 src/dir-1
	for flags in '' -a; do
		us --quiet $flags src "dst$flags"
		before=$(ctimes "dst$flags")
		run -0 us -i $flags src "dst$flags"
		[ "${#lines[@]}" -eq 1 ]
		[ "$(summary unchanged)" = 102 ]
		[ "$(ctimes "dst$flags")" = "$before" ]
		# The leak sanitizer can't work under a tracer.
		run -0 env ASAN_OPTIONS=detect_leaks=0 strace -f -qq -e trace=openat -o trace \
			"$US_BIN" ${US_ARGS:-} $flags src "dst$flags"
		! grep -E '"file-[0-9]+"' trace
	done
}

@test "size or time tells that a file changed; --checksum looks at contents" {
	mkdir src
	printf aaaa >src/f
	touch -d 2001-01-01 src/f
	us --quiet src dst
	printf bbbb >dst/f
	touch -d 2001-01-01 dst/f
	run -0 us src dst
	[ "$(cat dst/f)" = bbbb ]
	run -0 us -i --checksum src dst
	[ "${lines[0]}" = '>fc........ f' ]
	[ "$(cat dst/f)" = aaaa ]
	inode=$(stat -c %i dst/f)
	touch -d 2002-01-01 dst/f
	run -0 us -i --checksum src dst
	[ "${lines[0]}" = '.f..t...... f' ]
	[ "$(stat -c %i dst/f)" = "$inode" ]
	touch -d 2002-01-01 dst/f
	run -0 us -i src dst
	[ "${lines[0]}" = '>f..t...... f' ]
	run -0 us -i -I src dst
	[ "${lines[0]}" = '>f......... f' ]
}

@test "--checksum on large files that differ early, late and not at all" {
	mkdir src
	head -c 3M /dev/urandom >src/same
	cp -p src/same src/late
	cp -p src/same src/early
	us --quiet src dst
	printf x | dd of=dst/late bs=1 seek=3145000 conv=notrunc status=none
	printf x | dd of=dst/early conv=notrunc status=none
	run -0 us --checksum src dst
	same_tree -T src dst
	[ "$(summary files)" -le 2 ]
	[ "$(summary unchanged)" -ge 1 ]
}

@test "-u leaves what is newer, --existing makes nothing, --ignore-existing leaves all" {
	mkdir src dst
	printf old >src/newer-there
	touch -d 2001-01-01 src/newer-there
	printf mine >dst/newer-there
	printf new >src/older-there
	printf o >dst/older-there
	touch -d 2001-01-01 dst/older-there
	printf new >src/not-there
	cp -a dst dst2
	cp -a dst dst3
	run -0 us -u src dst
	[ "$(cat dst/newer-there dst/older-there dst/not-there)" = minenewnew ]
	run -0 us --existing src dst2
	[ "$(cat dst2/newer-there dst2/older-there)" = oldnew ]
	[ ! -e dst2/not-there ]
	run -0 us --ignore-existing src dst3
	[ "$(cat dst3/newer-there dst3/older-there dst3/not-there)" = mineonew ]
	[ "$(summary skipped)" = 2 ]
}

@test "--modify-window" {
	mkdir src
	printf aaaa >src/f
	us --quiet src dst
	printf bbbb >dst/f
	touch -d "$(date -d "@$(($(stat -c %Y src/f) + 2))")" dst/f
	run -0 us --modify-window=3 src dst
	[ "$(cat dst/f)" = bbbb ]
	run -0 us --modify-window 1 src dst
	[ "$(cat dst/f)" = aaaa ]
	run -2 us --modify-window=x src dst
	[[ $output == *"a number from 0 to 86400"* ]]
}

@test "--min-size and --max-size" {
	mkdir src
	for n in 0 10 100 1000; do
		head -c "$n" /dev/zero >"src/$n"
	done
	run -0 us --min-size 10 --max-size 100 src dst
	[ "$(ls dst | sort -n | tr '\n' ' ')" = '10 100 ' ]
	[ "$(summary skipped)" = 2 ]
	run -2 us --min-size 1Q src dst
	[[ $output == *"--min-size: '1Q' is not valid: a size from 0 to "* ]]
	run -2 us --max-size 0 src dst
}

# Two trees that differ in every way that --delete has to do with.
delete_trees() {
	mkdir -p src/a src/was-file dst/a/x/y dst/b dst/c dst/was-dir/sub
	printf 1 >src/a/f
	printf 1 >dst/a/g
	printf 2 >dst/a/x/y/z
	printf 3 >dst/b/q
	printf keep >dst/b/k.o
	ln -s "$PWD/precious" dst/c/link
	mkdir -p precious
	printf p >precious/file
	printf f >dst/was-file
	printf g >src/was-dir
}

@test "--delete makes the destination a mirror, as rsync does" {
	delete_trees
	cp -a dst judged
	run -0 us -a --delete --exclude '*.o' src dst
	rsync -a --delete --exclude '*.o' src/ judged/ 2>/dev/null
	[ "$(cd dst && find . | sort)" = "$(cd judged && find . | sort)" ]
	[ -f dst/b/k.o ]
	[ -f precious/file ]
	run -0 us -a --delete src dst
	same_tree src dst
	[ "$(summary deleted)" = 2 ]
}

@test "without --delete nothing goes, and kinds do not take each other's place" {
	delete_trees
	before=$(cd dst && find . | sort)
	run -23 us src dst
	[ "$(cd dst && find . | grep -v a/f | sort)" = "$before" ]
}

@test "--delete spares a directory whose source could not be read to its end" {
	need_fault
	mkdir -p src/a src/b dst/a dst/b
	printf x >dst/a/gone
	printf x >dst/b/gone
	run -23 us_fault getdents:EIO+ --delete src dst
	[ -e dst/a/gone ] && [ -e dst/b/gone ]
	run -0 us --delete src dst
	[ ! -e dst/a/gone ] && [ ! -e dst/b/gone ]
}

@test "--delete: an error of the source's stat is no sign that a file is gone" {
	need_fault
	mkdir -p src dst
	printf x >dst/f
	seen=0
	for n in {1..40}; do
		cp -a dst "dst$n"
		run us_fault "statx:EIO@$n" --delete src "dst$n"
		if [[ $output == *'delete from directory'* ]]; then
			[ "$status" -eq 23 ]
			[ -e "dst$n/f" ]
			seen=1
		fi
	done
	[ $seen -eq 1 ]
}

@test "--delete spares the log and the list of failures of its own run" {
	for where in dst dst/gone; do
		rm -rf src dst
		mkdir -p src/d "$where"
		printf 1 >src/d/f
		run -0 us -a --delete --log-file="$where/log" --failed-list="$where/failed" src dst
		[[ $(<"$where/log") == *'1 file'*' copied'* ]]
		[ -f "$where/failed" ]
		cmp src/d/f dst/d/f
	done
	run -0 us -a --delete src dst
	same_tree src dst
}

@test "--delete spares the journal and the sums of its own run" {
	for where in dst dst/gone; do
		rm -rf src dst
		mkdir -p src/d "$where"
		printf 1 >src/d/f
		printf 2 >dst/gone-too
		run -0 us -a --delete --resume="$where/journal" --checksum-file="$where/sums" src dst
		[ ! -e dst/gone-too ]
		(cd dst && xxhsum -c --quiet) <"$where/sums"
		[ -s "$where/journal" ]
		cmp src/d/f dst/d/f
	done
	# Those of no run are deleted as all else.
	run -0 us -a --delete src dst
	same_tree src dst
}

@test "--delete of a deep tree with few descriptors" {
	mkdir -p src dst
	(cd dst && for ((i = 0; i < 300; i++)); do mkdir d && printf x >d/f && cd d; done)
	run -0 bash -c 'ulimit -n 64; exec "$0" "$@"' "$US_BIN" ${US_ARGS:-} --delete src dst
	[ -z "$(ls -A dst)" ]
	[ "$(summary deleted)" = 600 ]
}

@test "--max-delete" {
	mkdir src dst
	touch dst/{1..9}
	run -25 us --delete --max-delete=4 src dst
	[ "$(ls dst | wc -l)" -eq 5 ]
	[[ $output == *'4 deleted, 5 not deleted'* ]]
	run -25 us --delete --max-delete=0 src dst
	[ "$(ls dst | wc -l)" -eq 5 ]
	run -0 us --delete --max-delete 5 src dst
	run -2 us --max-delete=-1 src dst
	[[ $output == *'--max-delete: '*'a number from 0 to'* ]]
}

# A file where the destination has a directory, with two files and an empty directory in it; and the reverse.
taken_places() {
	rm -rf src dst
	mkdir -p src/dir dst/file/empty
	printf x >src/file
	printf x >src/dir/f
	touch dst/file/{a,b} dst/dir
}

@test "--max-delete: what is replaced by another kind of entry is not counted, but all in it is" {
	taken_places
	run -23 --separate-stderr us --delete --max-delete=2 src dst
	[ "$stderr" = \
		"uring-sync: dst/file: replace a directory of which --max-delete keeps entries: Directory not empty" ]
	[[ $output == *'2 deleted, 1 not deleted'* ]]
	[ -f dst/dir/f ]
	[ "$(ls dst/file | wc -l)" -eq 1 ]
	taken_places
	run -23 us -n --delete --max-delete=2 src dst
	[[ $output == *'dst/file: replace a directory of which --max-delete keeps entries: Directory not empty'* ]]
	run -0 us --delete --max-delete=3 src dst
	[[ $output == *'3 deleted'* ]]
	same_tree src dst
	taken_places
	rm -r src/file dst/file
	run -0 us --delete --max-delete=0 src dst
	same_tree src dst
	rm src/dir/f dst/dir/f
	rmdir src/dir
	printf x >src/dir
	run -0 us --delete --max-delete=0 src dst
	same_tree src dst
}

@test "what keeps a directory from being replaced is named" {
	local options end='Directory not empty' excluded='with something in it that a pattern excludes'
	for options in '' -n; do
		taken_places
		# shellcheck disable=SC2086
		run -23 --separate-stderr us $options -b --delete src dst
		[ "$stderr" = "uring-sync: dst/file: replace a directory with backups in it: $end" ]
		taken_places
		# shellcheck disable=SC2086
		run -23 --separate-stderr us $options --exclude=a --delete src dst
		[ "$stderr" = "uring-sync: dst/file: replace a directory $excluded: $end" ]
		[ -e dst/file/a ]
		taken_places
		rm src/file
		ln -s nowhere src/file
		# shellcheck disable=SC2086
		run -23 --separate-stderr us $options --exclude=empty --delete src dst
		[ "$stderr" = "uring-sync: dst/file: replace a directory $excluded: $end" ]
		[ -d dst/file/empty ]
	done
}

@test "--backup: what can't be replaced has its name still" {
	need_fault
	mkdir src
	printf new >src/f
	ln -s new src/l
	for faults in linkat:EIO+ linkat:EPERM+,rename:EIO@2 linkat:EPERM+,rename:EIO@2,rename:EIO@5 linkat:EPERM+,rename:EIO@1; do
		rm -rf dst
		mkdir dst
		printf old >dst/f
		ln -s old dst/l
		run -23 us_fault "$faults" -j 1 --backup src dst
		no_temporaries dst
		[ -e dst/f ]
		[ -L dst/l ]
		[[ $(cat dst/f) == old || $(cat dst/f~) == old ]]
		[[ $(readlink dst/l) == old || $(readlink dst/l~) == old ]]
	done
}

@test "--backup keeps what is replaced and deleted, --suffix names it" {
	mkdir -p src/d dst/d
	printf new >src/f
	printf longer >dst/f
	printf gone >dst/d/gone
	ln -s new src/l
	ln -s old dst/l
	run -0 us -b --delete src dst
	[ "$(cat dst/f dst/f~ dst/d/gone~)" = newlongergone ]
	[ "$(readlink dst/l dst/l~ | tr '\n' ' ')" = 'new old ' ]
	no_temporaries dst
	run -0 us -b --delete src dst
	[ "$(cat dst/f~ dst/d/gone~)" = longergone ]
	printf newest! >src/f
	run -0 us --backup --suffix=.orig src dst
	[ "$(cat dst/f dst/f.orig dst/f~)" = 'newest!newlonger' ]
	for wrong in '' a/b; do
		run -2 us "--suffix=$wrong" src dst
		[[ $output == *"--suffix: '$wrong' is not valid: one byte or more, without a slash"* ]]
	done
}

# DST has f, d/gone and none of the source's f~ and d/gone~.
make_twins() {
	rm -rf src dst
	mkdir -p src/d dst/d
	if [ "$1" = inode ]; then # The order in which they are made.
		printf twin >src/f~
		printf gone-twin >src/d/gone~
		printf new >src/f
	else
		printf new >src/f
		printf twin >src/f~
		printf gone-twin >src/d/gone~
	fi
	printf older >dst/f
	printf gone >dst/d/gone
}

@test "--delete does not replace a source that lies in the destination" {
	mkdir -p dst/sub
	echo inside >dst/sub/sub
	echo other >dst/sub/f
	for options in --delete '--delete --backup'; do
		# shellcheck disable=SC2086
		run -23 us $options dst/sub dst
		[[ $output == *'dst/sub: '*': Device or resource busy'* ]]
		[ "$(cat dst/sub/sub dst/sub/f dst/f)" = $'inside\nother\nother' ]
	done
}

@test "--backup takes the place of nothing that the source has" {
	for order in inode name; do
		make_twins $order
		run -0 us -b --delete --order=$order src dst
		diff -r --exclude='*~~' src dst
		[ "$(cat dst/f~~ dst/d/gone~~)" = oldergone ]
		# Nor does a second run, which finds the names as they should be.
		printf newest >src/f
		run -0 us -b --delete --order=$order src dst
		diff -r --exclude='*~~' src dst
		[ "$(cat dst/f~~)" = new ]
	done
}

# both_in FILE FILE TEXT TEXT: one is in the one, the other in the other.
both_in() {
	[[ "$(cat "$1")" == "$3" && "$(cat "$2")" == "$4" || "$(cat "$1")" == "$4" && "$(cat "$2")" == "$3" ]]
}

@test "--backup: of f and its f~, both replaced, both old ones are kept" {
	for order in inode name; do
		make_twins $order
		printf older-twin >dst/f~
		printf gone-twin-older >dst/d/gone~
		run -0 us -b --delete --order=$order src dst
		diff -r --exclude='*~~' --exclude='*~~~' src dst
		both_in dst/f~~ dst/f~~~ older older-twin
		both_in dst/d/gone~~ dst/d/gone~~~ gone gone-twin-older
	done
	# Also where all of the one kind come long before the other.
	rm -rf src dst
	mkdir src dst
	for i in {1..700}; do printf 'new' >src/f$i; done
	for i in {1..700}; do printf 'new twin' >src/f$i~; done
	for i in {1..700}; do
		printf 'old %s\n' $i >dst/f$i
		printf 'old twin %s\n' $i >dst/f$i~
	done
	run -0 us -b --order=inode src dst
	diff -r --exclude='*~~' src dst
	[ "$(cat dst/*~~ | grep -c '^old [0-9]*$')" -eq 700 ]
	[ "$(cat dst/*~~ | grep -c '^old twin [0-9]*$')" -eq 700 ]
	# And where they are sources of their own.
	for depth in 1 8; do
		rm -rf src dst
		mkdir src dst
		printf new >src/f
		printf 'new twin' >src/f~
		printf older >dst/f
		printf 'older twin' >dst/f~
		run -0 us -b -q $depth src/f src/f~ dst
		[ "$(cat dst/f dst/f~)" = 'newnew twin' ]
		both_in dst/f~~ dst/f~~~ older 'older twin'
	done
}

@test "--backup: a directory that has the backup's name stays, and the backup gets another" {
	mkdir -p src/g~ dst/f~ dst/g~
	printf new >src/f
	printf new >src/g
	printf x >src/g~/x
	printf older >dst/f
	printf older >dst/g
	printf y >dst/f~/y
	for options in '' --delete; do
		# shellcheck disable=SC2086
		run -0 us -b $options src dst
		[ "$(cat dst/f dst/g dst/f~~ dst/g~~ dst/g~/x)" = newnewolderolderx ]
	done
	[ "$(cat dst/f~/y~)" = y ]
}

@test "--backup: what has its backup's name already goes all the same" {
	mkdir -p src/dir dst
	printf x >src/dir/x
	printf gone >dst/gone
	ln dst/gone dst/gone~
	printf old >dst/dir
	ln dst/dir dst/dir~
	run -0 us -b --delete src dst
	[ "$(summary deleted)" -eq 1 ]
	[ "$(cat dst/dir/x dst/dir~ dst/gone~)" = xoldgone ]
	[ ! -e dst/gone ]
	run -0 us -b --delete src dst
	[ -z "$(summary deleted)" ]
}

@test "--backup does not take the place of what the run itself writes" {
	mkdir src
	printf new >src/f
	for own in --resume --log-file --checksum-file; do
		rm -rf dst
		mkdir dst
		printf older >dst/f
		run -0 us -b $own=dst/f~ src dst
		[ "$(cat dst/f dst/f~~)" = newolder ]
		[ -s dst/f~ ]
		[ "$(head -c 5 dst/f~)" != older ]
	done
}

@test "--delete: a source that lies in the destination stays" {
	mkdir -p dst/old/src dst/old/gone dst/d/inner other/d
	printf x >dst/old/src/x
	printf y >dst/old/gone/y
	run -0 us --delete dst/old/src dst
	[ "$(cat dst/x dst/old/src/x)" = xx ]
	[ ! -e dst/old/gone ]
	[ ! -e dst/d ]
	run -0 us --delete dst/old/src dst
	[ -z "$(summary deleted)" ]
	# By another source's directory.
	mkdir -p dst/d/inner
	printf z >dst/d/inner/z
	run -0 us --delete dst/d/inner other/d dst
	[ "$(cat dst/inner/z dst/d/inner/z)" = zz ]
}

@test "a dry run touches nothing and says what the real one does" {
	delete_trees
	printf same >src/same
	cp -p src/same dst/same
	printf longer >dst/a/f
	ln -s x src/l
	before=$(ctimes dst)
	sources=$(ctimes src)
	us -n -a --delete --quiet -i src dst | sort >dry
	[ "$(ctimes dst)" = "$before" ]
	[ "$(ctimes src)" = "$sources" ]
	us -a --delete --quiet -i src dst | sort >real
	diff dry real
	run -0 us -n src nowhere
	[ ! -e nowhere ]
	[[ $output == *'>f+++++++++ a/f'* ]]
}

@test "itemized changes are those of rsync" {
	mkdir -p src/d
	printf x >src/f
	printf y >src/d/g
	ln -s f src/l
	mkfifo src/p
	touch -h -d 2002-01-01 src/* src/d/g # rsync looks at whole seconds only.
	cp -a src dst
	chmod 0600 dst/f
	printf longer >dst/d/g
	ln -sfn other dst/l
	printf new >src/new
	touch -d 2001-01-01 dst/d src dst
	rsync -rlptD -i -n src/ dst/ | sed 's/^\(.d.\{9\}\) \.\/$/\1 .\//' | sort >theirs
	us -n -i --quiet src dst | sort >ours
	diff theirs ours
}

@test "--failed-list writes names that --files-from -0 takes" {
	mkdir -p src/sub dst/sub/blocked dst/$'new\nline'
	printf 1 >src/sub/blocked
	printf 2 >$'src/new\nline'
	printf 3 >src/fine
	run -23 us --failed-list list src dst
	[ "$(tr '\0' '|' <list | tr '|' '\n' | sort | tr '\n' '|')" = 'line|new|sub/blocked|' ]
	rmdir dst/sub/blocked $'dst/new\nline'
	rm dst/fine
	run -0 us --files-from list -0 src dst
	[ "$(cat dst/sub/blocked $'dst/new\nline')" = 12 ]
	[ ! -e dst/fine ]
	run -1 us --failed-list no/such/list src dst
	[[ $output == *'--failed-list: no/such/list: No such file'* ]]
}

@test "--files-from: files, directories, repeated and odd names" {
	mkdir -p src/a/b src/c/d src/e
	for f in a/1 a/b/2 a.x c/d/3 c/4 e/5 -dash; do
		printf '%s' "$f" >"src/$f"
	done
	printf 'a/b\n./c//4\na.x\n\nc/../e/5\na/b/2\n-dash\n' >list
	run -0 us --files-from list src dst
	[ "$(cd dst && find . -type f | sort | tr '\n' ' ')" = './-dash ./a.x ./a/b/2 ./c/4 ./e/5 ' ]
	printf 'a\0' | us --quiet --files-from - --from0 src dst2
	[ "$(cd dst2 && find . -type f | sort | tr '\n' ' ')" = './a/1 ./a/b/2 ' ]
	: >empty
	run -0 us --files-from empty src dst3
	[ -z "$(ls -A dst3)" ]
	printf 'missing\na.x/below\na.x\n' >bad
	run -23 --separate-stderr us --files-from bad src dst4
	[[ $stderr == *'src/missing: stat: No such file'* ]]
	[[ $stderr == *'src/a.x: '*'Not a directory'* ]]
	[ -f dst4/a.x ]
}

@test "--files-from: what is refused" {
	mkdir src other
	printf '../x\n' >out
	run -2 us --files-from out src dst
	[[ $output == *"--files-from: '../x' is not valid"* ]]
	run -2 us --files-from no-such-list src dst
	printf 'a\0b\0' >nuls
	run -2 us --files-from nuls src dst
	[[ $output == *'--files-from: nuls: a line with a NUL; see --from0'* ]]
	run -2 us --files-from out --delete src dst
	[[ $output == *contradict* ]]
	: >list
	mkdir dst
	run -1 us --files-from list src other dst
	[[ $output == *'one source that is a directory'* ]]
}

@test "-x makes mount points as empty directories" {
	need_root
	mkdir -p src/mounted src/plain
	printf x >src/plain/f
	mount_tmpfs src/mounted size=1M
	printf y >src/mounted/hidden
	run -0 us -x src dst
	[ -d dst/mounted ]
	[ -z "$(ls -A dst/mounted)" ]
	[ -f dst/plain/f ]
	run -0 us src all
	[ -f all/mounted/hidden ]
}

kill_it() {
	kill -KILL $pid
}

@test "a run that was killed leaves no half file that --update or --ignore-existing would take for a whole one" {
	need_fault
	mkdir src
	head -c 300000 /dev/urandom >src/f
	touch -d 2001-01-01 src/f
	for flag in --update --ignore-existing; do
		us_stopping write:stop@3 kill_it "$flag" -c 64K src "dst$flag"
		[ "$status" -eq 137 ]
		run -0 us "$flag" src "dst$flag"
		same_tree src "dst$flag"
		no_temporaries "dst$flag"
	done
}
