# SPDX-License-Identifier: MIT
# One of everything: names, sizes, modes, times, links, depths.
load lib

setup_file() {
	"$US_TOOLS/mkzoo" "$BATS_FILE_TMPDIR/zoo" >"$BATS_FILE_TMPDIR/counts"
	export ZOO=$BATS_FILE_TMPDIR/zoo
}

teardown_file() {
	chmod -R u+rwX "$ZOO"
	rm -rf "$ZOO"
}

copy_and_judge() {
	run -0 --separate-stderr us "$@" "$ZOO" copy
	[ -z "$stderr" ]
	same_tree "$ZOO" copy
	same_to_rsync "$ZOO" copy
	no_temporaries copy
}

@test "the zoo is copied whole" {
	copy_and_judge
	read -r files directories symlinks bytes <"$BATS_FILE_TMPDIR/counts"
	[ "$(summary files)" = "$files" ]
	[ "$(summary directories)" = "$directories" ]
	[ "$(summary symlinks)" = "$symlinks" ]
	[ "$(summary bytes)" = "$bytes" ]
	[ "$(summary failed)" = 0 ]
	[ "$(summary vanished)" = 0 ]
}

@test "the zoo is copied by splice" {
	copy_and_judge --splice
}

@test "the zoo is copied in chunks of 4K, one file at a time" {
	copy_and_judge --chunk-size 4K -q 1
}

@test "the zoo is copied by splice in chunks of 4K" {
	copy_and_judge --splice --chunk-size 4K -q 2
}

@test "the zoo copied over its own copy is the same" {
	run -0 us "$ZOO" copy
	run -0 us "$ZOO" copy
	same_tree "$ZOO" copy
	no_temporaries copy
}

@test "the zoo is copied by an ordinary user" {
	need_user
	as_user mkzoo "$T/own" >/dev/null
	run -0 --separate-stderr us_user own copy
	[ -z "$stderr" ]
	as_user "$US_TOOLS/treecmp" own copy
	# Again, over directories and files without the right to write.
	run -0 --separate-stderr us_user own copy
	as_user "$US_TOOLS/treecmp" own copy
}

@test "the source is not changed" {
	cp -a "$ZOO/sizes" before
	run -0 us "$ZOO/sizes" copy
	same_tree "$ZOO/sizes" before
}
