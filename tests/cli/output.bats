# SPDX-License-Identifier: MIT
# What a run prints.
load lib

@test "the summary's numbers" {
	small_tree src 2 3
	ln -s x src/link
	head -c 5000 /dev/zero >src/zeros
	run -0 --separate-stderr us src dst
	bytes=$((5000 + 6 * 16))
	[[ $output =~ ^"7 files, 3 directories, 1 symlinks, $bytes bytes (5.0 KiB) copied, 0 failed, 0 vanished in "[0-9.]+" s ("[0-9]+" files/s)"$ ]]
	[ -z "$stderr" ]
}

@test "--quiet prints nothing but failures" {
	small_tree src 2 3
	run -0 us --quiet src dst
	[ -z "$output" ]
	mkdir -p other/blocked
	printf x >src/blocked
	run -23 --separate-stderr us --quiet src other
	[ -z "$output" ]
	[[ $stderr == *other/blocked* ]]
}

@test "-v names every entry once, on stdout" {
	small_tree src 2 3
	ln -s x src/link
	run -0 us -v src dst
	for path in src/dir-0/file-0 src/dir-1/file-2 src/link src/dir-0 src/dir-1; do
		[ "$(printf '%s\n' "$output" | grep -cxF "$path")" -eq 1 ]
	done
	[ "$(printf '%s\n' "$output" | grep -c '/file-')" -eq 6 ]
}

@test "-v with --quiet has no summary" {
	small_tree src 1 1
	run -0 us -v --quiet src dst
	[[ $output == *src/dir-0/file-0* ]]
	[[ $output != *copied* ]]
}

@test "paths are as they were given" {
	small_tree src 1 1
	run -0 us -v "$T/src/" dst
	[[ $output == *"$T/src/dir-0/file-0"* ]]
	[[ $output != *"//dir-0"* ]]
	run -0 us -v src/dir-0/file-0 copy
	[[ $output == *src/dir-0/file-0* ]]
}

@test "output that cannot be written is an error, after the copy" {
	small_tree src 2 3
	run -1 bash -c '"$0" "$@" >/dev/full' "$US_BIN" ${US_ARGS:-} -v src dst
	[[ $output == *'standard output: No space left on device'* ]]
	same_tree src dst
}

@test "closed standard streams do not end up in a copied file" {
	small_tree src 2 3
	printf x >src/blocked
	mkdir -p dst/blocked
	run bash -c '"$0" "$@" <&- >&- 2>&-' "$US_BIN" ${US_ARGS:-} -v src dst
	[ "$status" -eq 23 ]
	rm src/blocked
	rmdir dst/blocked
	same_tree -T src dst
}

@test "no carriage returns or escapes without a terminal" {
	small_tree src 5 20
	run -0 --separate-stderr us -v src dst
	printable
}

@test "a failure and a vanished file: 23 goes before 24" {
	need_fault
	seen=0
	for n in {1..30}; do
		mkdir -p src "dst$n/blocked"
		printf x >src/blocked
		printf x >src/a
		printf x >src/b
		us_stopping "openat:stop@$n" 'rm -f src/a' src "dst$n"
		if [ "$status" -eq 23 ] && [ "$(summary vanished)" = 1 ]; then
			seen=1
		fi
	done
	[ $seen -eq 1 ]
}
