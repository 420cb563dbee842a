# SPDX-License-Identifier: MIT
# A source that grows between two reads, exactly then: by a preloaded library, so for a build without sanitizers.
load ../lib

# grow BYTES OPTION...: copy src to dst while src/grow* grows by BYTES before each read.
grow() {
	local bytes=$1
	shift
	timeout 60 env LD_PRELOAD="$US_TOOLS/libgrow.so" GROW_BY="$bytes" "$US_BIN" --sync -j 1 -q 1 "$@" src dst
}

setup() {
	enter_test
	mkdir src
}

# others: the files that do not grow arrived as they were.
others() {
	for n in 1 2 3 4 5; do
		cmp "src/still-$n" "dst/still-$n"
	done
}

@test "what a growing file leaves in a pipe does not come out in the next file" {
	for sizes in '262144 133120 256K' '65536 4096 16K' '4096 4096 4K'; do
		read -r first by chunk <<<"$sizes"
		rm -rf src dst
		mkdir src
		head -c "$first" /dev/zero >src/a-grow
		for n in 1 2 3 4 5; do
			head -c 9000 /dev/zero | tr '\0' S >"src/still-$n"
		done
		run -23 grow "$by" --splice -c "$chunk" --quiet
		[ "$output" = 'uring-sync: src/a-grow: copy: it changed while it was read, twice' ]
		others
		cmp -n "$first" src/a-grow dst/a-grow
	done
}

@test "a file that is empty when it is opened is not followed for ever" {
	: >src/grow
	run -23 grow 4096 -c 4K --quiet
	[ "$output" = 'uring-sync: src/grow: copy: it changed while it was read, twice' ]
	[ "$(stat -c %s dst/grow)" -le 65536 ]
	cmp -n "$(stat -c %s dst/grow)" src/grow dst/grow
}

@test "a file that grows at each read is cut where it was when it was looked at again" {
	head -c 10000 /dev/zero >src/grow
	run -23 grow 4096 -c 4K --quiet
	[ "$output" = 'uring-sync: src/grow: copy: it changed while it was read, twice' ]
	[ "$(stat -c %s dst/grow)" -ge 10000 ]
	[ "$(stat -c %s dst/grow)" -le 131072 ]
	cmp -n "$(stat -c %s dst/grow)" src/grow dst/grow
}
