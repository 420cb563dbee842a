# SPDX-License-Identifier: MIT
# Hard links, and symbolic links that are followed.
load lib

# same_inode A B...
same_inode() {
	[ "$(stat -c %d:%i -- "$@" | sort -u | wc -l)" -eq 1 ]
}

link_tree() {
	mkdir -p src/a/b src/c
	printf one >src/first
	ln src/first src/a/second
	ln src/first src/c/third
	printf two >src/a/x
	ln src/a/x src/a/b/y
	ln -s first src/soft
	ln -P src/soft src/c/soft-too 2>/dev/null || ln -s first src/c/soft-too
	mkfifo src/fifo
	ln src/fifo src/c/fifo-too
	printf alone >src/alone
}

@test "names of one file stay names of one file" {
	link_tree
	run -0 us -a src dst
	same_inode dst/first dst/a/second dst/c/third
	same_inode dst/a/x dst/a/b/y
	same_inode dst/fifo dst/c/fifo-too
	[ "$(stat -c %h dst/first dst/alone | tr '\n' ' ')" = '3 1 ' ]
	same_tree src dst
	[ "$(summary files)" = 3 ]
}

@test "without -a they become files of their own" {
	link_tree
	run -0 us src dst
	[ "$(stat -c %h dst/first)" = 1 ]
	cmp dst/first dst/c/third
}

@test "many names, many workers, several sources" {
	mkdir -p one two
	for i in {1..40}; do
		printf '%s' "$i" >"one/$i"
		for d in {1..5}; do
			mkdir -p "two/$d"
			ln "one/$i" "two/$d/$i"
		done
	done
	mkdir dst
	run -0 us -a one two dst
	for i in {1..40}; do
		same_inode "dst/one/$i" dst/two/*/"$i"
	done
	[ "$(stat -c %h dst/one/7)" = 6 ]
	[ "$(summary files)" = 40 ]
	[ "$(summary 'hard links')" = 200 ]
}

@test "names that exist: linked already, wrongly, or not at all" {
	link_tree
	us --quiet -a src dst
	rm dst/a/second dst/c/third
	cp -p dst/first dst/a/second
	ln dst/alone dst/c/third
	run -0 us -a -i src dst
	same_inode dst/first dst/a/second dst/c/third
	[ "$(cat dst/alone)" = alone ]
	[ "$(stat -c %h dst/alone)" = 1 ]
	no_temporaries dst
	run -0 us -a -i src dst
	[ "${#lines[@]}" -eq 1 ]
}

@test "a name whose first copy fails is copied, not lost" {
	need_fault
	mkdir src
	printf data >src/1
	for i in 2 3 4; do
		ln src/1 "src/$i"
	done
	run -23 us_fault write:EIO@1 -a src dst
	[ "$(summary failed)" = 1 ]
	[ "$(find dst -type f | wc -l)" -eq 3 ]
	same_inode dst/?
	for f in dst/?; do
		[ "$(cat "$f")" = data ]
	done
}

@test "where no link can be made the name is copied, and that is said once" {
	need_fault
	link_tree
	run -0 --separate-stderr us_fault linkat:EMLINK+ -a src dst
	[ "$(printf '%s\n' "$stderr" | grep -c "hard link can't be made")" -eq 1 ]
	cmp dst/first dst/a/second
	cmp dst/first dst/c/third
	[ "$(stat -c %h dst/first)" = 1 ]
}

@test "-L copies what links lead to" {
	mkdir -p src/d target/sub
	printf x >target/f
	printf y >target/sub/g
	ln -s ../target src/to-dir
	ln -s ../../target/f src/d/to-file
	run -0 us -L src dst
	[ -z "$(find dst -type l)" ]
	[ "$(cat dst/to-dir/sub/g)" = y ]
	[ "$(cat dst/d/to-file)" = x ]
}

@test "-L: a link that leads nowhere, and a loop, fail; the rest is copied" {
	mkdir -p src/a
	printf x >src/f
	ln -s .. src/a/up
	ln -s nowhere src/dangling
	run -23 --separate-stderr us -L src dst
	[[ $stderr == *'src/dangling: follow link: No such file'* ]]
	[[ $stderr == *'src/a/up: '*'leads back'* ]]
	[ "$(summary failed)" = 2 ]
	[ "$(cat dst/f)" = x ]
}

@test "-H follows sources and no others; -P none" {
	mkdir -p real/sub
	printf x >real/f
	ln -s f real/soft
	ln -s real link
	ln -s real/f flink
	run -0 us -H link dst
	[ -d dst ] && [ ! -L dst ]
	[ -L dst/soft ]
	mkdir into
	run -0 us -H link flink into
	[ -d into/link ] && [ ! -L into/link ]
	[ -f into/flink ] && [ ! -L into/flink ]
	run -0 us -L -P link kept
	[ "$(readlink kept)" = real ]
}

@test "--safe-links leaves out what leads out of the tree" {
	mkdir -p src/a/b
	printf x >src/f
	ln -s /etc/passwd src/absolute
	ln -s ../f src/a/inside
	ln -s ../../f src/a/b/inside
	ln -s ../../out src/a/outside
	ln -s b/../../../out src/a/outside-too
	run -0 us --safe-links src dst
	[ "$(find dst -type l | sort | tr '\n' ' ')" = 'dst/a/b/inside dst/a/inside ' ]
	[ "$(summary skipped)" = 3 ]
}

@test "what a followed link leads to and is no file of any type is told, and not made as one" {
	local pid fd i found=
	mkdir src
	printf x >src/f
	tail -f src/f >/dev/null 3>&- &
	pid=$!
	for ((i = 0; i < 200; i++)); do
		for fd in /proc/$pid/fd/*; do
			[[ $(readlink "$fd") != anon_inode:* ]] || found=$fd
		done
		[ -z "$found" ] || break
		sleep 0.02
	done
	ln -s "${found:-/proc}" src/odd
	[ -z "$found" ] || run --separate-stderr us -L src dst
	kill $pid
	wait $pid || true
	[ -n "$found" ] || skip 'tail has no such thing open here'
	[ "$status" -eq 23 ]
	[[ $stderr == *'src/odd: copy: it is no file of any type' ]]
	[ -e dst/f ] && [ ! -e dst/odd ]
}
