# SPDX-License-Identifier: MIT
# A source that changes while it is copied: never a crash, a hang, another file's bytes or made-up ones.
load lib

# churn_and_copy KINDS RUNS STATUS...: copies while the source is changed; only these exit codes are right.
churn_and_copy() {
	local kinds=$1 runs=$2 i code zeros
	shift 2
	printf '!!! outside !!!' >bait
	churn -m -n 4 -f 60 src
	churn -n 4 -f 60 -k "$kinds" -b "$T/bait" src >/dev/null 3>&- &
	pid=$!
	for ((i = 0; i < runs; i++)); do
		rm -rf dst
		run timeout 120 "$US_BIN" ${US_ARGS:-} src dst
		zeros=''
		[ "$status" -ne 23 ] || zeros=-z
		churn -c $zeros -n 4 -f 60 dst
		for code in "$@"; do
			[ "$status" -ne "$code" ] || continue 2
		done
		kill "$pid"
		echo "exit $status: $output"
		return 1
	done
	kill "$pid"
	wait "$pid"
	no_temporaries dst
	[ "$(cat bait)" = '!!! outside !!!' ]
}

@test "files that shrink and grow" {
	churn_and_copy sg 6 0 23
}

# change_again: the hook of copy_and_change.
change_again() {
	if [ "$times" -gt 0 ]; then
		change
		times=$((times - 1))
	fi
}

# copy_and_change TIMES ARGS...: copies src to dst; before each of the first TIMES reads, src/f is written to.
copy_and_change() {
	local times=$1
	shift
	us_stopping read:stop+,splice:stop+ change_again "$@" src dst
}

@test "a file that grows once while it is read is read again" {
	need_fault
	mkdir src
	printf begin >src/f
	change() { printf ' more' >>src/f; }
	copy_and_change 1
	[ "$status" -eq 0 ]
	[ "$(cat dst/f)" = 'begin more' ]
	[ "$(stat -c %y src/f)" = "$(stat -c %y dst/f)" ]
}

@test "a file of several parts that changes in the middle is written again from its start" {
	need_fault
	mkdir src
	seq 100000 >src/f
	n=0
	change() {
		n=$((n + 1))
		[ $n -ne 3 ] || seq 200000 300000 | head -c 65536 | dd of=src/f conv=notrunc status=none
	}
	copy_and_change 3 -c 64K
	[ "$status" -eq 0 ]
	cmp src/f dst/f
	[ "$(stat -c %y src/f)" = "$(stat -c %y dst/f)" ]
}

@test "a file that becomes shorter once is read again, with its holes" {
	need_fault
	mkdir src
	truncate -s 8M src/f
	printf data | dd of=src/f bs=1M seek=3 conv=notrunc status=none
	printf data | dd of=src/f bs=1M seek=6 conv=notrunc status=none
	change() { truncate -s 4M src/f; }
	copy_and_change 1
	[ "$status" -eq 0 ]
	cmp src/f dst/f
	[ "$(stat -c %b dst/f)" -le 16 ]
}

@test "a file that does not come to rest is reported, and kept as far as it was read" {
	need_fault
	mkdir src
	printf begin >src/f
	printf else >src/g
	change() { printf x >>src/f; }
	copy_and_change 1000
	[ "$status" -eq 23 ]
	[[ $stderr == *'src/f: copy: it changed while it was read, twice'* ]]
	[ "$(summary failed)" = 1 ]
	[ "$(summary files)" = 1 ]
	[[ $(cat src/f) == "$(cat dst/f)"* ]]
	[ "$(cat dst/g)" = else ]
	no_temporaries dst
}

@test "with --checksum a file that changes while it is compared is compared again" {
	need_fault
	mkdir src
	printf begin >src/f
	cp -a src dst
	change() { printf x >>src/f; }
	copy_and_change 1 --checksum
	[ "$status" -eq 0 ]
	cmp src/f dst/f
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
}

@test "a file that vanished is told apart from one that failed" {
	need_fault
	found=no
	# Which open it is that meets the file depends on the mode: one of the first 30 does.
	for n in {1..30}; do
		mkdir -p src
		printf x >src/only
		printf x >src/other
		us_stopping "openat:stop@$n" 'rm -f src/only' src "dst-$n"
		if [ "$status" -eq 24 ]; then
			[ "$stderr" = 'uring-sync: src/only: vanished while copying' ]
			[ "$(summary vanished)" = 1 ]
			[ "$(summary failed)" = 0 ]
			[ "$(summary files)" = 1 ]
			found=yes
		fi
	done
	[ "$found" = yes ]
}
