# SPDX-License-Identifier: MIT
# No io_uring, few descriptors.
load lib

@test "without io_uring the copy is made all the same, and -v says so once" {
	small_tree src 8 20
	for flag in '' -n; do
		rm -rf dst
		# shellcheck disable=SC2086
		run -0 --separate-stderr nosys $flag "$US_BIN" ${US_ARGS:-} -v src dst
		same_tree src dst
		notes=$(printf '%s\n' "$stderr" | grep -c 'note: .*io_uring' || true)
		if [[ ${US_ARGS:-} == *--io=sync* ]]; then
			[ "$notes" -eq 0 ]
		else
			[ "$notes" -eq 1 ]
		fi
	done
}

@test "without io_uring and -v nothing is said about it" {
	small_tree src 2 2
	run -0 --separate-stderr nosys "$US_BIN" ${US_ARGS:-} src dst
	[ -z "$stderr" ]
	same_tree src dst
}

@test "without io_uring, by splice, the zoo" {
	mkzoo zoo >/dev/null
	run -0 --separate-stderr nosys "$US_BIN" ${US_ARGS:-} --splice zoo dst
	same_tree zoo dst
}

@test "64 descriptors are enough" {
	mkzoo zoo >/dev/null
	ulimit -n 64
	run -0 --separate-stderr us zoo dst
	[ -z "$stderr" ]
	ulimit -n 64
	same_tree zoo dst
}

@test "64 descriptors are enough for 8 workers" {
	small_tree src 40 10
	ulimit -n 64
	run -0 --separate-stderr us -j 8 -q 256 src dst
	[ -z "$stderr" ]
	same_tree src dst
}

@test "64 descriptors are enough for 8 workers by splice" {
	small_tree src 40 10
	ulimit -n 64
	run -0 --separate-stderr us -j 8 --splice src dst
	[ -z "$stderr" ]
	same_tree src dst
}

@test "64 descriptors are enough for a tree 200 deep, and a comb" {
	mkdir -p "src/$(printf 'd/%.0s' {1..200})"
	printf x >"src/$(printf 'd/%.0s' {1..200})f"
	for i in {1..30}; do
		mkdir -p "src/$i/$(printf 'e/%.0s' {1..20})"
		printf %s "$i" >"src/$i/$(printf 'e/%.0s' {1..20})f"
	done
	ulimit -n 64
	run -0 --separate-stderr us src dst
	[ -z "$stderr" ]
	same_tree src dst
	rm -rf dst
	run -0 --separate-stderr us -j 8 src dst
	same_tree src dst
}

@test "too few descriptors for anything is said, not a crash" {
	small_tree src 2 2
	for n in 4 6 8 10 12; do
		code=0
		(ulimit -n "$n" && exec timeout 60 "$US_BIN" ${US_ARGS:-} src dst) >out 2>&1 3>&- || code=$?
		echo "$n: exit $code: $(cat out)"
		if [ "$code" -eq 0 ]; then
			same_tree src dst
		else
			# 127: not even the program's libraries could be opened.
			[[ $code -eq 1 || $code -eq 23 || $code -eq 127 ]]
			[ -s out ]
		fi
		rm -rf dst
	done
}

@test "more workers and depth than files" {
	small_tree src 1 3
	run -0 us -j 64 -q 4096 src dst
	same_tree src dst
	rm -rf dst
	run -0 us -j 3 -q 1 -c 64M src dst
	same_tree src dst
}
