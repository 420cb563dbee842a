# SPDX-License-Identifier: MIT
# SIGINT and SIGTERM in the middle of a copy.
load lib

# Start the program so that $! is its own process and SIGINT is not ignored, as it is in a script's background.
us_start() {
	exec env --default-signal=INT,TERM "$US_BIN" ${US_ARGS:-} "$@" 3>&-
}

# More output than a pipe holds: with -v and nobody reading, the run cannot end.
long_tree() {
	local name i
	name=$(printf 'n%.0s' {1..200})
	mkdir -p src/a src/b
	for i in {1..1500}; do
		: >"src/a/$name-$i"
		printf '%s' "$i" >"src/b/$name-$i"
	done
}

# Stop a run in the middle by SIGNAL; it has to exit with STATUS.
stop_in_the_middle() {
	local signal=$1 expected=$2 code=0
	mkfifo pipe
	# 9 keeps a reader and a writer there until all have theirs; 8 reads only, so that it sees the end.
	exec 9<>pipe 8<pipe
	us_start -v src dst >pipe 2>errors 8<&- 9>&- &
	pid=$!
	while [ -z "$(find dst -type f -print -quit 2>/dev/null)" ]; do
		kill -0 "$pid"
	done
	kill "-$signal" "$pid"
	cat <&8 >out 3>&- 8<&- 9>&- &
	reader=$!
	exec 8<&- 9>&-
	wait "$pid" || code=$?
	wait "$reader"
	echo "exit $code; $(tail -n 1 out); $(cat errors)"
	[ "$code" -eq "$expected" ]
	[ -z "$(grep -v '^uring-sync: note: ' errors)" ]
	[[ $(tail -n 1 out) == 'interrupted: '*' copied, '* ]]
}


@test "SIGINT: exit 130, nothing half, and a second run completes" {
	long_tree
	stop_in_the_middle INT 130
	treecmp -MT src dst | grep -q 'only in the first'
	[ -z "$(treecmp -MT src dst | grep -v ': only in the first$')" ]
	no_temporaries dst
	run -0 us src dst
	same_tree src dst
}

@test "SIGTERM: exit 143, nothing half, and a second run completes" {
	long_tree
	stop_in_the_middle TERM 143
	treecmp -MT src dst | grep -q 'only in the first'
	[ -z "$(treecmp -MT src dst | grep -v ': only in the first$')" ]
	no_temporaries dst
	run -0 us src dst
	same_tree src dst
}

# Copy a large file slowly, and stop it when it is there under whatever name.
stop_large() {
	local signal=$1 expected=$2 code=0
	us_start --chunk-size 4K -q 1 src dst >out 2>errors &
	pid=$!
	while [ -z "$(find dst -type f -size +0 -newer mark -print -quit 2>/dev/null)" ]; do
		kill -0 "$pid"
	done
	kill "-$signal" "$pid"
	wait "$pid" || code=$?
	echo "exit $code; $(cat out errors)"
	[ "$code" -eq "$expected" ]
	no_temporaries dst
}

@test "a large file in hand is removed or whole, never half" {
	mkdir src
	head -c 400000000 /dev/zero >src/large
	touch mark
	stop_large INT 130
	[ ! -e dst/large ] || cmp src/large dst/large
}

@test "a large file in hand that replaces another leaves the old one or is whole" {
	mkdir src dst
	head -c 400000000 /dev/zero >src/large
	printf old >dst/large
	touch -d '1 hour ago' dst/large
	touch mark
	stop_large TERM 143
	[ "$(cat dst/large | head -c 3)" = old ] || cmp src/large dst/large
}

# At the speed of memory the zeros of such a file take half an hour.
@test "the sum of a huge hole does not keep a run that is stopped" {
	local code=0
	mkdir src
	printf begin >src/huge
	truncate -s 15T src/huge 2>/dev/null || skip 'no file can be so large here'
	touch mark
	us_start --checksum-file sums src dst >out 2>errors &
	pid=$!
	while [ -z "$(find dst -type f -size +0 -newer mark -print -quit 2>/dev/null)" ]; do
		kill -0 "$pid"
	done
	kill -INT "$pid"
	wait "$pid" || code=$?
	echo "exit $code; $(cat out errors)"
	[ "$code" -eq 130 ]
	no_temporaries dst
	[ ! -e dst/huge ]
}

@test "a reader that goes away is an error, not a kill" {
	long_tree
	run bash -c '"$0" "$@" | head -c 10 >/dev/null; exit "${PIPESTATUS[0]}"' "$US_BIN" ${US_ARGS:-} -v src dst
	[ "$status" -eq 1 ]
	same_tree src dst
}
