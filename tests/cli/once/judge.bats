# SPDX-License-Identifier: MIT
# The judges themselves: treecmp finds each kind of difference, and churn's check finds a wrong byte.
load ../lib

setup() {
	enter_test
	mkdir -p a/sub/deep
	printf hello >a/file
	printf deep >a/sub/deep/file
	ln -s file a/link
	cp -a a b
	treecmp a b
}

# finds TEXT: treecmp exits 1 and prints one line, with TEXT.
finds() {
	run -1 treecmp a b
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == *"$1"* ]]
}

keep_time() {
	touch -h -r "a/$1" "b/$1"
}

@test "contents of the same length" {
	printf hellO >b/file
	keep_time file
	finds 'file: contents differ'
	run -0 treecmp -C a b
}

@test "length" {
	printf hello! >b/file
	keep_time file
	finds 'file: size 5 | 6'
}

@test "mode" {
	chmod 0600 b/sub/deep/file
	finds 'sub/deep/file: mode 0644 | 0600'
	run -0 treecmp -M a b
}

@test "a nanosecond, of a file, a directory, a link and the root" {
	touch -d '2020-01-01 00:00:00.000000001' a/file a/sub
	touch -d '2020-01-01 00:00:00.000000002' b/file
	touch -d '2020-01-01 00:00:00.000000001' b/sub
	finds 'file: mtime'
	run -0 treecmp -T a b
	keep_time file
	touch -h -d 2020-01-01 b/link
	finds 'link: mtime'
	keep_time link
	touch -d 2020-01-01 b
	finds '.: mtime'
}

@test "an entry more or less" {
	rm b/link
	touch -r a b
	finds 'link: only in the first'
	ln -s file b/link
	keep_time link
	: >b/sub/new
	touch -r a b
	keep_time sub
	finds 'sub/new: only in the second'
}

@test "a link's target, and another kind of entry" {
	ln -sfn fill b/link
	keep_time link
	touch -r a b
	finds 'link: link targets differ'
	rm b/link
	printf x >b/link
	touch -r a b
	finds 'link: kind'
}

@test "what cannot be compared is trouble, not sameness" {
	run -2 treecmp a missing
	run -2 treecmp a
	run -2 treecmp a/file b/file
}

@test "churn's check finds a byte that is not the file's" {
	churn -m -n 2 -f 5 tree
	run -0 churn -c -n 2 -f 5 tree
	printf Z >>tree/d1/f3
	run -1 churn -c -n 2 -f 5 tree
	[ "$output" = 'd1/f3 holds a wrong byte' ]
	rm tree/d1/f3
	run -0 churn -c -n 2 -f 5 tree
}

@test "nosys refuses the ring and nothing else" {
	run -0 nosys true
	run -3 nosys sh -c 'exit 3'
	run -7 peakrss peak sh -c 'exit 7'
	[ "$(cat peak)" -gt 100 ]
}
