# SPDX-License-Identifier: MIT
# What proves a copy: the verb verify, --verify, --checksum-file.
load lib

# The verb goes before all options.
us_verify() {
	# shellcheck disable=SC2086
	"$US_BIN" verify ${US_ARGS:-} "$@"
}

# A tree with a few of each kind.
some_tree() {
	small_tree "$1" 2 5
	ln -s dir-0 "$1/link"
	mkfifo "$1/fifo"
	mkdir "$1/empty"
	: >"$1/none"
	head -c 700000 /dev/urandom >"$1/larger"
}

@test "verify: two trees that are alike" {
	some_tree src
	us --quiet src dst
	before=$(ctimes dst)
	run -0 --separate-stderr us_verify src dst
	[[ $output == '18 entries compared, 0 differ, 0 failed, 0 vanished in '* ]]
	[ -z "$stderr" ]
	run -0 us_verify --quiet src dst
	[ -z "$output" ]
	[ "$(ctimes dst)" = "$before" ]
	run -0 us_verify src/larger dst/larger
}

@test "verify: each kind of difference has its row, and the exit code tells" {
	some_tree src
	us --quiet src dst
	printf other >dst/dir-0/file-0
	touch -r src/dir-0/file-0 dst/dir-0/file-0
	# Of the same size and time.
	tr 0-9 1-90 <src/dir-0/file-1 >dst/dir-0/file-1
	touch -r src/dir-0/file-1 dst/dir-0/file-1
	chmod 0600 dst/dir-0/file-2
	touch -d 2001-01-01 dst/dir-0/file-3
	rm dst/dir-1/file-0
	printf more >dst/dir-1/more
	ln -sfn dir-1 dst/link
	touch -h -r src/link dst/link
	rm -r dst/empty
	for d in dir-0 dir-1 .; do
		touch -r "src/$d" "dst/$d"
	done
	before=$(ctimes dst)
	run -23 us_verify src dst
	[ "$(printf '%s\n' "${lines[@]}" | grep -v compared | sort)" = "$(
		sort <<-'END'
			>fcs....... dir-0/file-0
			>fc........ dir-0/file-1
			.f...p..... dir-0/file-2
			.f..t...... dir-0/file-3
			>f+++++++++ dir-1/file-0
			*deleting   dir-1/more
			cLc........ link -> dir-0
			cd+++++++++ empty/
		END
	)" ]
	[[ $output == *' 8 differ, 0 failed'* ]]
	run -23 us_verify --quiet src dst
	[ -z "$output" ]
	run -23 us_verify -v src dst
	[ "$(ctimes dst)" = "$before" ]
	# Contents and what else is chosen: without modes and times only the contents count.
	run -23 us_verify --no-preserve=mode,times src dst
	[[ $output == *' 6 differ, 0 failed'* ]]
	run -23 us_verify --exclude='/dir-0' --exclude=link --exclude=empty src dst
	[[ $output == *' 2 differ, 3 skipped, 0 failed'* ]]
}

@test "verify: what can't be had is 1, what can't be read is 23" {
	mkdir src
	printf x >src/f
	run -1 --separate-stderr us_verify src dst
	[ "$stderr" = 'uring-sync: dst: No such file or directory' ]
	run -1 --separate-stderr us_verify none src
	[[ $stderr == *'none: stat: No such file or directory' ]]
	for option in --update --existing --ignore-existing --ignore-times --delete --max-delete=1 --backup --link-dest=. \
		--temp-dir=. --resume=j --fsync --verify --checksum-file=s --hash=sha256 --suffix=x \
		--splice --no-splice --copy=rw --reflink=never --large=1G --bwlimit=1G; do
		run -2 --separate-stderr us_verify "$option" src src
		[[ $stderr == "uring-sync: verify: ${option%%=*} is about copying;"* ]]
	done
	run -2 us_verify src
	need_fault
	us --quiet src dst
	URING_SYNC_FAULT=read:EIO+ run -23 --separate-stderr us_verify src dst
	[[ $stderr == *'src/f: read: Input/output error' ]]
	# A source of that name.
	printf y >verify
	run -0 us ./verify copy
	cmp verify copy
	run -0 us -- verify copy2
	cmp verify copy2
}

@test "--verify finds nothing wrong with a good copy, holes and large files too" {
	some_tree src
	truncate -s 3M src/hole
	printf end >>src/hole
	head -c 20M /dev/urandom >src/large
	for args in '' -a '--sparse=always -c 4K' --splice --fsync --hash=sha256; do
		rm -rf dst
		# shellcheck disable=SC2086
		run -0 --separate-stderr us --verify $args src dst
		[ -z "$stderr" ]
		[ "$(summary verified)" = 14 ]
		same_tree src dst
	done
	run -0 us --verify src dst
	[ "$(summary verified)" = '' ]
	printf x >>src/none
	run -0 us --verify src dst
	[ "$(summary verified)" = 1 ]
}

# Change a copy behind the program's back: when it brings everything to the disk it has closed them all.
harm() {
	printf X | dd of=dst/dir-0/file-3 bs=1 seek=2 conv=notrunc status=none
	rm dst/dir-1/file-1
	truncate -s +1 dst/none
}

@test "--verify: what is not as it was read is a failure, with its path, and not complete by the journal" {
	need_fault
	some_tree src
	us_stopping syncfs:stop@1 harm --verify --failed-list=failed --resume=journal src dst
	[ "$status" -eq 23 ]
	[[ $stderr == *'dst/dir-0/file-3: verify: it is not what was read from the source'* ]]
	[[ $stderr == *'dst/dir-1/file-1: verify: No such file or directory'* ]]
	[[ $stderr == *'dst/none: verify: it is not what was read from the source'* ]]
	[ "$(summary failed)" = 3 ]
	[ "$(summary verified)" = 9 ]
	[ "$(tr '\0' '\n' <failed | sort | tr '\n' ' ')" = 'dir-0/file-3 dir-1/file-1 none ' ]
	# By their time they seem to be the same, by the journal they are not.
	touch -r src/dir-0/file-3 dst/dir-0/file-3
	run -0 us --verify --resume=journal --ignore-times src dst
	[ "$(summary files)" = 3 ]
	same_tree src dst
}

@test "--verify: files of a run that was stopped before it read them back are read back by the next" {
	small_tree src 4 25
	us --quiet --verify --resume=journal src dst
	truncate -s $(($(stat -c %s journal) - 32 - 32 - 1600)) journal
	run -0 us --verify --resume=journal src dst
	[ "$(summary verified)" = 100 ]
	[ "$(summary files)" = 0 ]
}

@test "--checksum-file: holes that are summed in several turns, before data and at the end" {
	local large
	mkdir src
	truncate -s 150M src/hole
	printf data >>src/hole
	truncate -s 250M src/hole
	# By the owner of a large file, and like any other.
	for large in 64M 1G; do
		rm -rf dst
		run -0 us --large "$large" --checksum-file=sums --hash=sha256 src dst
		(cd dst && sha256sum --quiet --strict -c ../sums)
		[ "$(cut -c1-64 sums)" = "$(sha256sum <src/hole | cut -c1-64)" ]
	done
}

@test "--verify reads what the disk has, not what the cache has" {
	need_strace
	mkdir src
	printf x >src/f
	traced syncfs,fadvise64 --io=sync --verify --quiet src dst
	# It is brought to the disk, and then the pages are dropped before it is read.
	awk '/syncfs/ { synced = 1 } /DONTNEED/ && synced { dropped = 1 } END { exit !dropped }' trace
}

@test "--checksum-file: xxhsum and sha256sum agree, with all kinds of names, also on a second run" {
	mkdir -p src/d
	printf 1 >src/plain
	printf 2 >'src/with  spaces '
	printf 3 >'src/back\slash'
	printf 4 >$'src/new\nline'
	printf 5 >$'src/d/\xff\xfe'
	printf 6 >src/-dash
	: >src/empty
	truncate -s 3M src/d/hole
	printf end >>src/d/hole
	head -c 800000 /dev/urandom >src/large
	ln src/large src/d/second
	ln src/plain src/d/third
	ln -s plain src/link
	for round in first second; do
		run -0 us -a --checksum-file=sums --hash=sha256 src dst
		[ "$(wc -l <sums)" = 11 ]
		(cd dst && sha256sum --quiet --strict -c ../sums)
		[ "$(sort sums)" = "$(cd src && find . -type f -print0 | sort -z | xargs -0 sha256sum | sed 's,  \./,  ,' | sort)" ]
	done
	rm -rf dst
	if command -v xxhsum >/dev/null; then
		rm src/back* src/new* # xxhsum 0.8.1 escapes no names.
		run -0 us -a --checksum-file=sums src dst
		(cd dst && xxhsum --quiet --strict -c ../sums)
		[ "$(sort sums)" = "$(cd src && find . -type f -print0 | sort -z | xargs -0 xxhsum -H2 | sed 's,  \./,  ,' | sort)" ]
	fi
	# A second run reads what it left alone: a copy that has changed is found and mended.
	printf X | dd of=dst/large bs=1 conv=notrunc status=none
	touch -r src/large dst/large
	run -0 us -a --checksum-file=sums src dst
	same_archive src dst
}

@test "--checksum-file: gone on with, compared, linked to a reference, and what can't be written" {
	mkdir src
	head -c 20M /dev/urandom >src/large
	printf x >src/small
	# shellcheck disable=SC2086
	timeout -s KILL 1 "$US_BIN" ${US_ARGS:-} --bwlimit=10M --resume=journal src dst || true
	run -0 us --resume=journal --checksum-file=sums --hash=sha256 src dst
	(cd dst && sha256sum --quiet --strict -c ../sums)
	for args in --checksum '--link-dest=../dst' '--link-dest=../dst --checksum'; do
		# shellcheck disable=SC2086
		run -0 us --checksum-file=sums --hash=sha256 $args src dst2
		[ "$(wc -l <sums)" = 2 ]
		(cd dst2 && sha256sum --quiet --strict -c ../sums)
		rm -r dst2
	done
	run -1 --separate-stderr us --checksum-file=none/sums src dst3
	[[ $stderr == *'none/sums: open: No such file or directory' ]]
	[ ! -e dst3/small ]
	run -23 --separate-stderr us --checksum-file=/dev/full src dst3
	[[ $stderr == *'/dev/full: write: No space left on device' ]]
	run -2 --separate-stderr us --hash=md5 src dst3
	[[ $stderr == *'--hash'*'xxh128, sha256'* ]]
	for option in --verify --checksum-file=sums; do
		run -2 us --reflink=always $option src dst3
	done
}

@test "verify --stats: counts of a comparison, and none of what only a copy has" {
	mkdir -p src dst
	printf x >src/f
	printf y >dst/f
	printf x >src/g
	us -q 1 --quiet src/g dst/g
	printf x >dst/extra
	run -23 us verify --stats src dst
	for row in 'Files that differ: 1' 'Directories: 1' 'Contents the same: 1' 'Not in the source: 1' 'Bytes of files that differ: 1'; do
		[[ $'\n'$output$'\n' == *$'\n'"$row"$'\n'* ]]
	done
	[[ ! $output =~ copied|Verified|Not\ deleted|read\ and\ written|reflinked|ranges|a\ second ]]
}
