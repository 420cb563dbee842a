# SPDX-License-Identifier: MIT
# The command line, as far as it does not depend on how files are copied.
load ../lib

@test "--help is on stdout, and fits 80 columns" {
	run -0 --separate-stderr us --help
	[[ $output == 'Usage: uring-sync '* ]]
	[ -z "$stderr" ]
	[ "$(printf '%s\n' "$output" | awk 'length > 80' | wc -l)" -eq 0 ]
	run -0 us -h
	[[ $output == 'Usage: uring-sync '* ]]
}

@test "--version is on stdout" {
	run -0 --separate-stderr us --version
	[[ $output =~ ^uring-sync\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
	[ -z "$stderr" ]
}

@test "help that cannot be written is an error" {
	run -1 bash -c '"$0" --help >/dev/full' "$US_BIN"
}

# ARGUMENTS | what stderr names | what it says is valid
mistakes() {
	cat <<'END'
--tsl src dst|--tsl|--help
--jbos=4 src dst|--jbos|--jobs
--progres=x src dst|unknown option '--progres'; did you mean '--progress'?|--help
--secrte=KEY src dst|unknown option '--secrte'; did you mean '--secret'?|--help
--=x src dst|unknown option '--'|--help
-y src dst|-y|--help
-=x src dst|unknown option '-='|--help
-j 0 src dst|--jobs|from 1 to
-j many src dst|many|from 1 to
-j|--jobs|from 1 to
-c 1 src dst|--chunk-size|4K
-c 1T src dst|1T|64M
--chunk-size=65M src dst|65M|64M
-q 0 src dst|--queue-depth|from 1 to
--io=uring src dst|uring|auto, inline, async, sync
--quiet=1 src dst|--quiet|no value
--splice=1 src dst|--splice|no value
--checksum-file= src dst|--checksum-file: '' is not valid|--help
--log-file|--log-file: its value is missing|--help
--copy=cfr src host:dst|--copy=cfr|copies on one machine
--copy=reflink src host:dst|--copy=reflink|copies on one machine
--reflink=always src host:dst|--reflink=always|copies on one machine
src|destination|--help
END
}

@test "a wrong option or value names itself and says what is valid, exit 2, nothing is written" {
	small_tree src 1 1
	mistakes | while IFS='|' read -r arguments names valid; do
		code=0
		# shellcheck disable=SC2086
		"$US_BIN" $arguments >out 2>err || code=$?
		echo "$arguments: $code: $(cat err)"
		[ $code -eq 2 ]
		[ ! -s out ]
		head -n 1 err | grep -q '^uring-sync: '
		grep -qF -e "$names" err
		grep -qF -e "$valid" err
		[ ! -e dst ]
	done
}

@test "no operands" {
	run -2 --separate-stderr "$US_BIN"
	[[ $stderr == 'uring-sync: '* ]]
	[ -z "$output" ]
}

@test "an empty operand is an error, not the working directory" {
	small_tree src 1 1
	run -1 us src ''
	run -1 us '' dst
	[ ! -e dst ]
}

@test "options after operands, and sizes with units" {
	small_tree src 2 2
	run -0 us src dst -j 2 -c 1M -q 8 --io=sync
	same_tree src dst
	run -0 us src --chunk-size=64k --splice other --quiet
	[ -z "$output" ]
	same_tree src other
}
