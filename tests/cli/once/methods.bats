# SPDX-License-Identifier: MIT
# How contents come to the destination: reflink, copy_file_range, splice, or read and written; and that it is told.
load ../lib

RANGES='--large=64K -c 4K'

# told NUMBERS: --stats of the last run say so of read and written, spliced, by copy_file_range, reflinked, in ranges.
told() {
	local said
	said=$(printf '%s\n' "$output" | sed -nE 's/^Files (read and written|spliced|by copy_file_range|reflinked|in ranges): //p' | paste -sd ' ')
	[ "$said" = "$1" ] || { echo "told: $said, expected: $1"; return 1; }
}

# copied SRC ARGS...: dst becomes what SRC is; its last word is for told.
copied() {
	local src=$1 said=${*: -1}
	rm -rf "$TO"
	# shellcheck disable=SC2086
	run -0 --separate-stderr us --stats $RANGES "${@:2:$#-2}" "$src" "$TO"
	same_tree "$src" "$TO"
	no_temporaries "$TO"
	told "$said"
}

# Three small files, of which one is empty, and two large ones.
five_files() {
	mkdir -p "$1"
	: >"$1/empty"
	printf small >"$1/small"
	head -c 60000 /dev/urandom >"$1/medium"
	head -c 300001 /dev/urandom >"$1/large"
	head -c 700001 /dev/urandom >"$1/larger"
}

@test "each way is counted and told" {
	five_files src
	TO=dst
	copied src --copy=rw '5 0 0 0 2'
	copied src --copy=splice '1 4 0 0 2'
	# For copy_file_range every file that has contents is large.
	if ! python3 -c 'import os; os.copy_file_range(os.open("src/small", 0), os.open("probe", os.O_CREAT | os.O_WRONLY), 5)'; then
		skip 'no copy_file_range here'
	fi
	copied src --copy=cfr '1 0 4 0 4'
	rm -rf dst
	# shellcheck disable=SC2086
	run -0 --separate-stderr us $RANGES --json -v --copy=splice src dst
	[[ ${lines[-1]} == *',"by_rw":1,"by_splice":4,"by_cfr":0,"by_reflink":0,"in_ranges":2,'* ]]
	[[ $output == *'"type":"note","what":"large files: splice, ranges of 32768"}'* ]]
	rm -rf dst
	# shellcheck disable=SC2086
	run -0 --separate-stderr us $RANGES -v --copy=rw src dst
	[ "$(grep -c '^uring-sync: note: large files: rw, ranges of 32768, read [a-z]*, written [a-z]*$' <<<"$stderr")" -eq 1 ]
	[[ $stderr == *'note: contents of files: 5 read and written, 0 spliced, 0 by copy_file_range, 0 reflinked'* ]]
	# Of what is not copied nothing is told.
	run -0 --separate-stderr us --stats -v src dst
	told '0 0 0 0 0'
	[[ $stderr != *'contents of files'* && $stderr != *'large files'* ]]
}

@test "what is refused in the middle is gone on with by reading and writing" {
	need_fault
	five_files src
	TO=dst
	for fault in splice:EINVAL+ splice:EINVAL@9+ splice:EINVAL@10+ pipe:EMFILE+ pipe:EMFILE@4+; do
		URING_SYNC_FAULT=$fault
		export URING_SYNC_FAULT
		rm -rf dst
		# shellcheck disable=SC2086
		run -0 --separate-stderr us -j 2 $RANGES --copy=splice src dst
		same_tree src dst
	done
	URING_SYNC_FAULT=splice:EINVAL+ copied src --copy=splice '5 0 0 0 2'
	for fault in splice:short+ splice:EINTR@20; do
		URING_SYNC_FAULT=$fault copied src --copy=splice '1 4 0 0 2'
	done
	# shellcheck disable=SC2086
	for fault in splice:EIO@40 splice:EIO@41 splice:EINVAL+,write:EIO@40; do
		rm -rf dst
		run -23 --separate-stderr us_fault $fault $RANGES --copy=splice src dst
		[ "$(grep -c 'Input/output error' <<<"$stderr")" -eq 1 ]
		[ "$(summary failed)" = 1 ]
		no_temporaries dst
	done
	# A pipe that is left with bytes in it is not used again.  One of these two splices is out of the pipe.
	failures=0
	for at in 60 61; do
		rm -rf dst
		# shellcheck disable=SC2086
		run us_fault splice:EINVAL@$at,readpipe:EIO $RANGES -j 1 --copy=splice src dst
		failures=$((failures + $(summary failed)))
		for file in dst/*; do
			cmp "$file" "src/${file#dst/}"
		done
	done
	[ $failures -eq 1 ]
	URING_SYNC_FAULT=copy_file_range:EXDEV+ copied src --copy=cfr '5 0 0 0 4'
}

# Where blocks can be shared.
sharing() {
	mount_image "$1" fs "$2"
	five_files fs/src
	printf x >fs/src/another
	TO=fs/dst
	copied fs/src --copy=auto '1 0 0 5 0'
	# One that is refused is no reason to share no others.
	URING_SYNC_FAULT=clone:EINVAL@1 copied fs/src -j 1 --large=1G --copy=auto '2 0 0 4 0'
	URING_SYNC_FAULT=clone:EXDEV@1 copied fs/src -j 1 --copy=auto '6 0 0 0 2'
	# As a whole: ranges of the large ones are taken, with an odd tail.
	URING_SYNC_FAULT=clone:EINVAL+ copied fs/src --copy=auto '4 0 0 2 2'
	URING_SYNC_FAULT=clone:EINVAL+,clonerange:EINVAL@3+ copied fs/src -j 1 --copy=auto '6 0 0 0 2'
	URING_SYNC_FAULT=clone:EINVAL+,clonerange:EINVAL@11+ copied fs/src -j 1 --copy=auto '5 0 0 1 2'
	URING_SYNC_FAULT=clone:EINVAL+,clonerange:EINVAL+ copied fs/src --copy=auto '6 0 0 0 2'
	# And where it is a must, all or nothing.
	rm -rf fs/dst
	# shellcheck disable=SC2086
	run -23 --separate-stderr us_fault clone:EINVAL+,clonerange:EINVAL+ --stats $RANGES --copy=reflink fs/src fs/dst
	told '1 0 0 0 0'
	[ "$(grep -c 'reflink: Invalid argument$' <<<"$stderr")" -eq 5 ]
	[ "$(ls fs/dst)" = empty ]
	rm fs/src/{another,small,medium}
	URING_SYNC_FAULT=clone:EINVAL+ copied fs/src --copy=reflink '1 0 0 2 2'
	[ "$(unshared fs/dst/large)" -eq 0 ]
	# What a stopped run has left of a file is gone on with by sharing the rest.
	rm fs/src/*
	head -c 17000001 /dev/urandom >fs/src/part
	# The signal may reach the program some writes later, so each of them stops.
	halt() { [ -e halted ] || kill -INT "$pid"; touch halted; }
	for size in 64K 1G; do
		for way in auto reflink; do
			rm -rf fs/dst halted
			us_stopping write:stop@40+ halt -j 1 --copy=rw --large=$size -c 64K --resume=journal fs/src fs/dst
			[ "$status" -eq 130 ]
			run -0 --separate-stderr us --stats --large=$size -c 64K --copy=$way --resume=journal fs/src fs/dst
			told '0 0 0 1 1'
			[ "$(summary bytes)" -lt 17000001 ]
			same_tree fs/src fs/dst
			no_temporaries fs/dst
			rm journal
		done
	done
}

# How many extents of a file are its own alone.
unshared() {
	filefrag -v "$1" | awk '/^ *[0-9]+:/ && !/shared/ {n++} END {print n + 0}'
}

@test "blocks are shared in ranges where they can't be as a whole: XFS" {
	need_fault
	sharing xfs 320M
}

@test "the same: Btrfs" {
	need_fault
	sharing btrfs 200M
}

@test "small files go before a large one, and those not begun are for others" {
	mkdir src
	head -c 300001 /dev/urandom >src/a-large
	for i in {10..29}; do
		printf '%s' "$i" >"src/small-$i"
	done
	for io in inline async sync; do
		rm -rf dst
		run -0 --separate-stderr us --io=$io -j 1 -v --order=name --large=64K -c 4K src dst
		same_tree src dst
		# All of them were begun, with a window of 256.
		[ "$(grep -n a-large <<<"$output" | cut -d: -f1)" -eq 21 ]
		rm -rf dst
		run -0 --separate-stderr us --io=$io -j 1 -q 4 -v --order=name --large=64K -c 4K src dst
		same_tree src dst
		place=$(grep -n a-large <<<"$output" | cut -d: -f1)
		[[ $place -gt 1 && $place -lt 10 ]]
		for jobs in 2 4; do
			rm -rf dst
			run -0 us --io=$io -j $jobs --large=64K -c 4K src dst
			same_tree src dst
		done
	done
	# Many large ones, more than are copied at a time.
	for i in {1..30}; do
		cp src/a-large "src/small-$i-large"
	done
	for io in inline async sync auto; do
		rm -rf dst
		run -0 us --io=$io --large=64K -c 4K --stats src dst
		same_tree src dst
		told '51 0 0 0 31'
	done
}

@test "who waits for those that are at large files does the small ones of its directory meanwhile" {
	mkdir src
	for i in {100..149}; do
		: >"src/$i-small"
	done
	for i in 100 110 120; do
		head -c 4M /dev/urandom >"src/$i-large"
	done
	for io in inline async sync auto; do
		rm -rf dst
		# With one processor there are three workers, of which two copy large files; those take a minute.
		taskset -c "$(taskset -cp $$ | sed 's/.*[ ,-]//')" \
			"$US_BIN" --io=$io -q 4 --order=name --large=64K -c 4K --bwlimit=128K src dst >out 2>err 3>&- &
		pid=$!
		for _ in {1..400}; do
			[ "$(find dst -name '*-small' 2>/dev/null | wc -l)" -lt 50 ] || break
			sleep 0.05
		done
		kill -INT $pid
		status=0
		wait $pid || status=$?
		[ "$status" -eq 130 ]
		[ "$(find dst -name '*-small' | wc -l)" -eq 50 ]
	done
}
