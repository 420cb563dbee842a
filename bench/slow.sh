# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154  # variables shared with the files beside it
#
# File systems on which each operation waits: passfs, a FUSE pass-through, in front of the source, the destination, or both.
#
# cp -r makes one call after another, so it takes so much longer for so many more directories of the same kind: it is
# measured on one of them (data set lat100), and its time multiplied.

SLOW_CP=lat100
SLOW_PIDS=()

# The file system; only these rows need FUSE.
build_passfs()
{
	local tools=$HERE/../tests/tools
	[ ! -x "$BIN/passfs" ] || return 0
	# shellcheck disable=SC2046  # several words
	"${CC:-cc}" -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -O2 -o "$BIN/passfs" "$tools"/passfs*.c \
		$(pkg-config --cflags --libs fuse3) || die "cannot build passfs; it needs libfuse3-dev"
}

# mount_slow DELAY DIR MOUNTPOINT: in front of DIR, with nothing cached yet.
mount_slow()
{
	local _
	mkdir -p "$2" "$3"
	"$BIN/passfs" -f -o "delay=$1,timeout=3600,noacl" "$2" "$3" 8>&- 9>&- &
	SLOW_PIDS+=($!)
	for _ in $(seq 100); do
		mountpoint -q "$3" && return 0
		sleep 0.05
	done
	die "cannot mount passfs on $3"
}

# Take them away.
unmount_slow()
{
	local dir pid
	for dir in "$DIR/slow-src" "$DIR/slow-dst"; do
		[ ! -d "$dir" ] || unmount "$dir"
	done
	for pid in "${SLOW_PIDS[@]}"; do
		wait "$pid"
	done
	SLOW_PIDS=()
}

# run_slow ROW WHO SRC SUM WORK: one run.  WORK is slow:DELAY-OF-SOURCE:DELAY-OF-DESTINATION, in microseconds.
run_slow()
{
	local row=$1 who=$2 src=$3 sum=$4 work=$5 status=0 got scale=1 src_delay dst_delay place
	IFS=: read -r _ src_delay dst_delay <<<"$work"
	place=$DIR/dst
	if [ "$who" = cp ]; then
		scale=$(awk -v n="${sum% *}" 'BEGIN {print n / 100}')
		src=$DIR/src/$SLOW_CP sum=$SLOW_SUM
	fi
	build_passfs
	lock
	fresh_dst ext4
	set_cache warm "$src"
	if [ "$src_delay" -gt 0 ]; then
		mount_slow "$src_delay" "$src" "$DIR/slow-src"
		src=$DIR/slow-src
	fi
	if [ "$dst_delay" -gt 0 ]; then
		mount_slow "$dst_delay" "$DIR/dst/back" "$DIR/slow-dst"
		place=$DIR/slow-dst
	fi
	set_command copy "$who" "$src"
	COMMAND[-1]=$place/out
	interruptible measured "${COMMAND[@]}" || status=$?
	unmount_slow
	got=$(tree_sum "$(find "$DIR/dst" -maxdepth 2 -name out)")
	unmount "$DIR/dst"
	unlock
	is_whole "$row" "$who" "$status" "$got" "$sum" || return 1
	awk -v s="$scale" '{print $1 * s, $2 * s, $3 * s, $4, $5}' "$DIR/measured" >"$DIR/measured.all"
	mv "$DIR/measured.all" "$DIR/measured"
	record "$row" "$who" 0 0
}

# All rounds of such a row; cp -r once.
run_slow_row()
{
	local row=$1 data=$2 work=$3 round who whos=(ours)
	[ -z "$VS" ] || whos+=(vs)
	lock
	prepare "$SLOW_CP"
	SLOW_SUM=$SUM
	prepare "$data"
	unlock
	run_slow "$row" cp "$SRC" "$SUM" "$work" || return 1
	for ((round = 0; round < ROUNDS; round++)); do
		for who in "${whos[@]}"; do
			run_slow "$row" "$who" "$SRC" "$SUM" "$work" || return 1
		done
	done
}
