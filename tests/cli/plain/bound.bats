# SPDX-License-Identifier: MIT
# The benchmarks' bound does all of what its figures stand for: a bound of half the work would be none.
load ../lib

setup_file() {
	export BOUND=$US_TOOLS/../bench/bound
}

# A tree of several levels, with a directory that is visited in parts, an empty one, and files of one read and of several.
make_source() {
	mkdir -p src/a/b/c src/empty src/many
	for i in $(seq 1500); do echo "$i" >"src/many/$i"; done
	truncate -s 262144 src/a/one_read
	truncate -s 600001 src/a/b/reads
	truncate -s 0 src/a/b/c/nothing
	ln -s reads src/a/b/link
}

# Number and bytes of the regular files below $1, as bound tells them.
sums() {
	find "$1" -type f -printf '%s\n' | awk '{n += $1} END {printf "files=%d bytes=%d", NR, n}'
}

@test "bound read reads every file, on a ring and by plain calls" {
	local batch want
	[ -x "$BOUND" ] || skip 'built without benchmarks'
	make_source
	want=$(sums src)
	for batch in 0 1 64; do
		run "$BOUND" -t 3 -b "$batch" read src
		[[ $batch = 0 || $output != *io_uring_setup* ]] || skip 'no io_uring here'
		[ "$status" -eq 0 ]
		[[ $output = *" $want dirs=5 "* ]]
	done
}

@test "bound make makes the same names and sizes, bound stat looks at all, bound replace replaces what differs" {
	[ -x "$BOUND" ] || skip 'built without benchmarks'
	make_source
	run -0 "$BOUND" -m make src dst
	[[ $output = *" $(sums src) dirs=5 "* ]]
	rm src/a/b/link
	diff <(cd src && find . -printf '%y %P %s\n' | grep -v ^d | sort) <(cd dst && find . -printf '%y %P %s\n' | grep -v ^d | sort)
	diff <(cd src && find . -type d | sort) <(cd dst && find . -type d | sort)
	run -0 "$BOUND" stat src dst
	[[ $output = *' dirs=5 others=1508 '* ]]

	cp -r --preserve=timestamps src copy
	printf x | dd of=copy/many/7 conv=notrunc status=none
	touch -d @1 copy/many/7
	truncate -s 5 copy/a/b/reads
	run -0 "$BOUND" replace src copy
	[[ $output = *" files=2 bytes=600003 dirs=5 others=1508 "* ]]
	[ "$(stat -c %s copy/a/b/reads copy/many/7)" = $'600001\n2' ]
	[ "$(find copy -name '.bound*')" = '' ]
}

@test "bound says what failed, and gives no figure" {
	[ -x "$BOUND" ] || skip 'built without benchmarks'
	mkdir src dst
	touch src/f
	run -1 "$BOUND" stat src dst
	[ "$output" = 'bound: f: stat: No such file or directory' ]
	run -1 "$BOUND" make src dst
	[ "$output" = 'bound: dst: mkdir: File exists' ]
	run -2 "$BOUND" read src dst
	run -2 "$BOUND" -t 65 read src
}
