# SPDX-License-Identifier: MIT
# A source that changes while it is copied: never a crash, a hang, another file's bytes or made-up ones.
load lib

# churn_and_copy KINDS RUNS STATUS...: copies while the source is changed; only these exit codes are right.
churn_and_copy() {
	local kinds=$1 runs=$2 i code
	shift 2
	printf '!!! outside !!!' >bait
	churn -m -n 4 -f 60 src
	churn -n 4 -f 60 -k "$kinds" -b "$T/bait" src >/dev/null 3>&- &
	pid=$!
	for ((i = 0; i < runs; i++)); do
		rm -rf dst
		run timeout 120 "$US_BIN" ${US_ARGS:-} src dst
		for code in "$@"; do
			[ "$status" -ne "$code" ] || continue 2
		done
		kill "$pid"
		echo "exit $status: $output"
		return 1
	done
	kill "$pid"
	wait "$pid"
	churn -c -n 4 -f 60 dst
	no_temporaries dst
	[ "$(cat bait)" = '!!! outside !!!' ]
}

@test "files that shrink and grow" {
	churn_and_copy sg 6 0
}

@test "files that vanish and come back" {
	churn_and_copy u 6 0 24
}

@test "files that are renamed" {
	churn_and_copy t 6 0 24
}

@test "files that turn into links, FIFOs and directories" {
	churn_and_copy lpd 6 0 23 24
}

@test "everything at once, over an older copy" {
	churn_and_copy sgulpdrt 3 0 23 24
	churn -c -n 4 -f 60 dst
}

@test "a file that vanished is told apart from one that failed" {
	need_fault
	found=no
	mkdir src
	printf x >src/only
	ln src/only src/other
	# Which open it is that meets the file depends on the mode: one of the first 30 does.
	for n in {1..30}; do
		run --separate-stderr us_fault "openat:ENOENT@$n" src "dst-$n"
		if [ "$status" -eq 24 ]; then
			[[ $stderr == "uring-sync: src/o"*": vanished while copying" ]]
			[ "$(summary vanished)" = 1 ]
			[ "$(summary failed)" = 0 ]
			[ "$(summary files)" = 1 ]
			found=yes
		fi
	done
	[ "$found" = yes ]
}
