# SPDX-License-Identifier: MIT
# Memory has a bound that does not grow with the tree.  For a build without sanitizers.
load ../lib

# Peak memory in KiB of a copy of $1 to $2.
peak() {
	peakrss peak "$US_BIN" ${US_ARGS:-} --quiet "$1" "$2"
	cat peak
}

@test "20,000 directories take no more memory than 200, in each mode" {
	mkdir few many
	(cd few && mkdir -p d{1..20}/d{1..10})
	(cd many && mkdir -p d{1..200}/d{1..100} && for d in d{1..200}/d7; do printf x >"$d/f"; done)
	less=$(peak few few-copy)
	more=$(peak many copy)
	echo "$less KiB, $more KiB"
	same_tree many copy
	[ "$more" -le 65536 ]
	[ "$more" -le $((less + 8192)) ]
	for mode in inline async sync; do
		US_ARGS="--io=$mode -j 4"
		more=$(peak many copy)
		echo "$mode: $more KiB"
		[ "$more" -le 65536 ]
	done
}

@test "one directory of 60,000 entries stays within the bound" {
	mkdir -p wide/d
	(cd wide/d && seq 1 60000 | xargs touch)
	memory=$(peak wide copy)
	echo "$memory KiB"
	same_tree wide copy
	[ "$memory" -le 65536 ]
}

@test "64 MiB of address space are enough, with a journal, and in each mode" {
	mkdir -p src/d{1..40}
	for d in src/d*; do
		(cd "$d" && seq 1 500 | xargs touch && printf x >some)
	done
	head -c 20M /dev/urandom >src/large
	for mode in inline async sync; do
		rm -rf dst
		(ulimit -v 65536 && "$US_BIN" --io=$mode --quiet -a --resume=journal --fsync src dst)
		same_archive src dst
		(ulimit -v 65536 && "$US_BIN" --io=$mode --quiet -a --verify --checksum --delete src dst)
		same_archive src dst
	done
}
