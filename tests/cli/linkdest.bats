# SPDX-License-Identifier: MIT
# --link-dest and --temp-dir.
load lib

# A source with an entry of each kind that can be linked, and a first snapshot of it.
first_snapshot() {
	mkdir -p src/d
	for f in same content mode gone; do
		printf '%s' "$f" >"src/d/$f"
	done
	printf hard >src/d/hard
	ln src/d/hard src/hard
	ln -s same src/d/link
	mkfifo src/d/fifo
	touch -h -d 2001-01-01 src/d/* src/d src
	us --quiet -a src one
}

# What changes until the second one.
change() {
	printf changed >src/d/content
	chmod 0600 src/d/mode
	rm src/d/gone
	printf new >src/d/new
}

@test "what is unchanged becomes a link, and what is not a file of its own" {
	first_snapshot
	change
	for flags in '' --checksum; do
		rm -rf two
		run -0 --separate-stderr us -a $flags --link-dest=../one src two
		[ -z "$stderr" ]
		for f in d/same d/link d/fifo d/hard hard; do
			same_inode "one/$f" "two/$f"
		done
		for f in d/content d/mode; do
			! same_inode "one/$f" "two/$f"
		done
		[ ! -e two/d/gone ]
		treecmp -H src two
		[ "$(cat one/d/content)" = content ]
	done
}

@test "it is what rsync makes, and a dry run counts the same" {
	first_snapshot
	change
	planned=$(us -a -n --link-dest=../one src two | sed 's/ in .*//' | tail -n 1)
	run -0 us -a --link-dest=../one src two
	[ "$(sed 's/ in .*//' <<<"${lines[-1]}")" = "$planned" ]
	rsync -aH --link-dest=../one src/ theirs/
	treecmp -HT theirs two # rsync is content with the same second of a directory.
	for f in d/same d/content d/mode d/link d/fifo hard; do
		[ "$(stat -c %h "theirs/$f")" -ge "$(stat -c %h "two/$f")" ]
	done
	[ -z "$(rsync -aH --checksum --delete -n -i src/ two/)" ]
}

@test "contents that differ under the same time and size: linked, but not with --checksum or -I" {
	mkdir src
	printf aaaa >src/f
	us --quiet src one
	printf bbbb >src/f
	touch -r one/f src/f
	run -0 us --link-dest=../one src two
	same_inode one/f two/f
	for flag in --checksum -I; do
		rm -rf two
		run -0 us "$flag" --link-dest=../one src two
		! same_inode one/f two/f
		[ "$(cat two/f)" = bbbb ]
		[ "$(cat one/f)" = aaaa ]
	done
}

@test "a later run over a snapshot never changes the one before" {
	first_snapshot
	us --quiet -a --link-dest=../one src two
	before=$(find one ! -type d -printf '%p %s %m %U %T@\n' | sort)
	chmod 0640 src/d/same
	chmod 0600 src/d/hard
	printf other >src/d/content
	touch -h -d 2002-02-02 src/d/link src/d/fifo
	touch -d 2002-02-02 src/d/mode
	for flags in '' --checksum; do
		run -0 us -a $flags src two
		[ "$(find one ! -type d -printf '%p %s %m %U %T@\n' | sort)" = "$before" ]
		treecmp -H src two
	done
}

@test "no reference yet is a warning; one that can't be had stops the run" {
	mkdir src
	printf x >src/f
	run -0 --separate-stderr us --link-dest=../none src dst
	[[ $stderr == *'../none'*'--link-dest'*'No such file'* ]]
	printf x >file
	run -1 --separate-stderr us --link-dest=../file src dst2
	[[ $stderr == *'../file: open directory: Not a directory'* ]]
}

@test "a single file, several sources, an absolute reference" {
	mkdir -p src/d ref
	printf x >src/f
	printf y >src/d/g
	us --quiet src/f src/d ref
	mkdir dst dst2
	run -0 us --link-dest=../ref src/f src/d dst
	same_inode ref/f dst/f
	same_inode ref/d/g dst/d/g
	run -0 us --link-dest="$T/ref" src/f dst2/f
	same_inode ref/f dst2/f
}

@test "where no link can be made, files are copied, and that is said once" {
	need_fault
	first_snapshot
	for error in EMLINK EXDEV EPERM; do
		for flags in '' --checksum; do
			rm -rf two
			run -0 --separate-stderr us_fault "linkat:$error+" -a $flags --link-dest=../one src two
			[ "$(grep -c "hard link can't be made" <<<"$stderr")" -eq 1 ]
			treecmp src two
			! same_inode one/d/same two/d/same
		done
	done
}

@test "a link in the place of the reference's directory is not followed" {
	mkdir -p src/d elsewhere one
	printf x >src/d/f
	cp -p src/d/f elsewhere/f
	ln -s ../elsewhere one/d
	run -0 us --link-dest=../one src two
	! same_inode elsewhere/f two/d/f
	same_tree src two
}

@test "--delete leaves the reference and the temporary directory alone" {
	mkdir -p src dst/old dst/tmp dst/extra
	printf x >src/f
	cp -p src/f dst/old/f
	run -0 us --delete --link-dest=old --temp-dir=tmp src dst
	same_inode dst/f dst/old/f
	[ -d dst/tmp ]
	[ ! -e dst/extra ]
}

@test "--temp-dir in the source: what the run itself has there is no part of it" {
	local d n
	for d in {1..40}; do
		mkdir -p src/$d dst/$d
		for n in {1..20}; do
			echo new >src/$d/$n
			echo older >dst/$d/$n
		done
	done
	mkdir -p src/40/T
	echo mine >src/40/T/f
	for n in {1..5}; do
		run -0 us -a -I --temp-dir=../src/40/T src dst
		diff -r src dst
	done
}

@test "--temp-dir: what replaces a file is written there, and nothing is left" {
	need_fault
	mkdir -p src dst tmp
	printf new >src/f
	printf old >dst/f
	touch -d 2001-01-01 dst/f
	ln -s new src/l
	ln -s old dst/l
	run -0 us -a --temp-dir=../tmp src dst
	same_tree src dst
	[ -z "$(ls -A tmp)" ]
	printf newer >src/f
	run -23 us_fault write:EIO --temp-dir="$T/tmp" src dst
	[ "$(cat dst/f)" = new ]
	[ -z "$(ls -A tmp)" ]
	chmod 0500 tmp
	if [ "$(id -u)" -ne 0 ]; then
		run -23 us --temp-dir=../tmp src dst
		[ "$(cat dst/f)" = new ]
	fi
}

@test "--temp-dir on another file system: not used, said once" {
	mount_tmpfs elsewhere size=8M
	mkdir -p src dst
	for i in 1 2 3; do
		printf 'new %s' "$i" >"src/$i"
		printf old >"dst/$i"
	done
	ln -s new src/l
	ln -s old dst/l
	run -0 --separate-stderr us -a --temp-dir="$T/elsewhere" src dst
	[ "$(grep -c "can't be moved here" <<<"$stderr")" -eq 1 ]
	same_tree src dst
	[ -z "$(ls -A elsewhere)" ]
	no_temporaries dst
}

@test "--temp-dir: owner, group and mode are the source's whatever the directory gives" {
	need_root
	mkdir -p src dst tmp
	printf new >src/f
	chown 12:34 src/f
	chmod 0640 src/f
	printf old >dst/f
	touch -d 2001-01-01 dst/f
	chgrp 99 tmp
	chmod 2777 tmp
	setfacl -d -m u:1234:rw tmp
	run -0 us -a --temp-dir=../tmp src dst
	treecmp -OX src dst
}

@test "--temp-dir that is not there is refused before anything is written" {
	mkdir src dst
	printf new >src/f
	run -1 --separate-stderr us --temp-dir=../none src dst
	[[ $stderr == *'../none: open directory: No such file'* ]]
	[ ! -e dst/f ]
	run -2 us --link-dest
	run -2 us --temp-dir
}

@test "a reference that can't be read, when contents are compared, is a warning, and the file is copied" {
	need_fault
	mkdir src
	printf 'the same' >src/f
	us --quiet -a src one
	found=no
	for n in {10..30}; do
		rm -rf two
		run --separate-stderr us_fault "openat:EACCES@$n" -a --checksum --link-dest=../one src two
		if [[ $stderr == *"two/f: its like in --link-dest can't be read; such files are copied: Permission denied" ]]; then
			[ "$status" -eq 0 ]
			treecmp src two
			! same_inode one/f two/f
			found=yes
		fi
	done
	[ $found = yes ]
}

# Snapshots a (all files), b (mine is other), c (only its own): as many as the tests of several references need.
three_snapshots() {
	mkdir -p src/d/e
	printf one >src/d/e/first
	printf two >src/second
	printf mine >src/mine
	ln -s target-one src/link
	us --quiet -a src c
	sleep 0.01
	printf other >src/mine
	ln -sfn target-two src/link
	us --quiet -a src b
	rm c/second
	printf next >src/mine
	us --quiet -a src a
	rm -r a/d
	cp -a b/mine src/mine
}

@test "several --link-dest are searched in their order, and the first that has the same counts" {
	for flags in '' --checksum --checksum-file=sums '--link-dest=../none'; do
		three_snapshots
		# shellcheck disable=SC2086
		run -0 --separate-stderr us -a $flags --link-dest=../a --link-dest=../b --link-dest=../c src dst
		same_inode a/second dst/second  # all have it: the first counts
		same_inode b/mine dst/mine      # a and c have others
		same_inode b/d/e/first dst/d/e/first # a has no such directory
		same_inode a/link dst/link
		[ "$(summary 'hard links')" = 4 ]
		[ "$(summary files)" = 0 ]
		treecmp src dst
		if [ "$flags" = --link-dest=../none ]; then
			[[ $stderr == *'warning: ../none: --link-dest: there is no such earlier copy, and it is left out: No such file'* ]]
		else
			[ -z "$stderr" ]
		fi
		rm -rf src a b c dst
	done
}

@test "several --link-dest and --dry-run: what is said is what is done" {
	three_snapshots
	for flags in '' --checksum; do
		rm -rf dst
		for ref in 'c b' 'b c' 'a c'; do
			refs=() inodes=
			for dir in $ref; do refs+=("--link-dest=../$dir"); done
			run -0 us -a -i -n $flags "${refs[@]}" src dst
			[ ! -e dst ]
			dry=$(grep -v ' s$' <<<"$output" | sed 's/ in [0-9.]* s.*//' | sort)
			run -0 us -a -i $flags "${refs[@]}" src dst
			[ "$(sed 's/ in [0-9.]* s.*//' <<<"$output" | sort)" = "$dry" ]
			treecmp src dst
			rm -rf dst
		done
	done
}

@test "several --link-dest as rsync has them" {
	three_snapshots
	sed -i 's/$/ too/' src/second
	run -0 us -a --link-dest=../b --link-dest=../c src dst
	rsync -a --link-dest=../b --link-dest=../c src/ judge/
	(cd dst && find . -type f -printf '%p %n\n' | sort) >ours
	(cd judge && find . -type f -printf '%p %n\n' | sort) >theirs
	# Each of the two runs has added a name to what is shared.
	cmp ours theirs
	for file in mine d/e/first; do
		[ "$(stat -c %i dst/$file)" = "$(stat -c %i judge/$file)" ]
	done
}

@test "several --link-dest with few descriptors: the same links" {
	depth=30
	path=src
	for ((i = 0; i < depth; i++)); do
		path+=/d
		mkdir -p "$path"
		printf '%s' "$i" >"$path/f"
	done
	us --quiet -a src one
	us --quiet -a src two
	rm -r one/d/d/d/d/d/d/d/d/d/d
	run -0 bash -c 'ulimit -n 48; exec "$@"' - "$US_BIN" ${US_ARGS:-} -a --link-dest=../one --link-dest=../two src dst
	[ "$(summary 'hard links')" = $depth ]
	same_inode one/d/d/f dst/d/d/f
	same_inode two/d/d/d/d/d/d/d/d/d/d/d/f dst/d/d/d/d/d/d/d/d/d/d/d/f
	treecmp src dst
}

@test "--link-dest more than 20 times, or without a value, is refused" {
	mkdir src
	refs=()
	for i in {1..20}; do refs+=("--link-dest=../r$i"); done
	run -0 us "${refs[@]}" src dst
	run -2 --separate-stderr us "${refs[@]}" --link-dest=../r21 src dst
	[[ $stderr == *'--link-dest: may be given 20 times'* ]]
}

@test "--delete leaves each of several references alone" {
	mkdir -p src dst/old dst/older dst/extra
	printf x >src/f
	cp -p src/f dst/older/f
	run -0 us --delete --link-dest=old --link-dest=older src dst
	same_inode dst/f dst/older/f
	[ -d dst/old ]
	[ ! -e dst/extra ]
}
