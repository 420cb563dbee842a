#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Prints the speed table: uring-sync against cp -r, row by row.  See README.md beside this file.
set -u -o pipefail
export LC_ALL=C

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=rows.sh
. "$HERE/rows.sh"
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$HERE/lib.sh"
# shellcheck source-path=SCRIPTDIR source=data.sh
. "$HERE/data.sh"
# shellcheck source-path=SCRIPTDIR source=limit.sh
. "$HERE/limit.sh"
# shellcheck source-path=SCRIPTDIR source=report.sh
. "$HERE/report.sh"

ROUNDS=5 ONLY='' BINARY='' VS='' OUT=''
BUILD=$HERE/../build/release
DIR=${TMPDIR:-/var/tmp}/uring-sync-bench
BOUND_THREADS=${BOUND_THREADS:-4}

# The names of all rows, separated by commas.
row_names()
{
	awk 'NF {printf "%s%s", sep, $1; sep = ","}' <<<"$ROWS"
}

usage()
{
	cat <<-END
	Usage: bench/run.sh [OPTION]...
	  --rounds N     rounds of each row (default 5)
	  --only ROWS    only these, separated by commas:
	                 $(row_names)
	  --build DIR    take uring-sync from this build directory (default: build/release)
	  --binary PATH  measure this program
	  --vs PATH      measure this one too, in the same rounds
	  --dir DIR      where data sets and images are kept (default ${TMPDIR:-/var/tmp}/uring-sync-bench)
	  --out FILE     write the table to FILE too
	END
}

# Complain about the command line.
wrong()
{
	echo "bench/run.sh: $*" >&2
	usage >&2
	exit 2
}

parse()
{
	local row
	while [ $# -gt 0 ]; do
		case $1 in
		-h | --help) usage; exit 0 ;;
		--rounds | --only | --build | --binary | --vs | --dir | --out)
			[ $# -ge 2 ] || wrong "$1 needs a value"
			;;
		*) wrong "$1: not an option" ;;
		esac
		case $1 in
		--rounds) ROUNDS=$2 ;;
		--only) ONLY=$2 ;;
		--build) BUILD=$2 ;;
		--binary) BINARY=$2 ;;
		--vs) VS=$2 ;;
		--dir) DIR=$2 ;;
		--out) OUT=$2 ;;
		esac
		shift 2
	done
	[[ $ROUNDS =~ ^[1-9][0-9]*$ ]] || wrong "--rounds $ROUNDS: not a positive number"
	for row in ${ONLY//,/ }; do
		grep -q "^$row " <<<"$ROWS" || wrong "--only $row: there is no such row"
	done
}

# The program to be measured, as an absolute path.
find_binary()
{
	local path
	for path in "${BINARY:-$BUILD/src/uring-sync}" "$BUILD/uring-sync"; do
		if [ -f "$path" ] && [ -x "$path" ]; then
			realpath "$path"
			return 0
		fi
		[ -z "$BINARY" ] || break
	done
	die "${BINARY:-$BUILD}: no uring-sync there; build it first, or see --binary"
}

# What has to be at hand before anything is touched.
check_host()
{
	local tool
	[ "$(id -u)" -eq 0 ] ||
		die "must run as root: it makes and mounts file systems on loop devices, drops the" \
			"kernel's caches and limits a disk"
	for tool in rsync mkfs.ext4 losetup findmnt lsblk flock tar xz awk "${CC:-cc}"; do
		command -v "$tool" >/dev/null || die "$tool is needed and not installed"
	done
}

# The small programs, built where the data is, so that a checkout stays clean.
build_tools()
{
	local tool
	BIN=$DIR/bin
	mkdir -p "$BIN"
	for tool in mktree bound measure; do
		"${CC:-cc}" -std=gnu17 -D_GNU_SOURCE -O2 -o "$BIN/$tool" "$HERE/$tool.c" -lm -lpthread ||
			die "cannot build $tool"
	done
}

# Undo everything but the files in $DIR; runs however the script ends.
cleanup()
{
	trap '' INT TERM
	if [ -n "$CHILD" ]; then
		kill "$CHILD" 2>/dev/null
		wait "$CHILD" 2>/dev/null
	fi
	clear_limit
	release "$DIR/dst.img" "$DIR/dst"
	release "$DIR/limited.img" "$DIR/limited"
}

setup()
{
	mkdir -p "$DIR/src" "$DIR/dst" "$DIR/limited" || die "cannot make $DIR"
	DIR=$(realpath "$DIR")
	exec 8>"$DIR/lock"
	flock -n 8 || die "another bench/run.sh uses $DIR"
	[ -z "${BENCH_LOCK:-}" ] || exec 9>"$BENCH_LOCK"
	DISK=$(device_of "$DIR")
	[ -n "$(disk_reads "$DISK")" ] ||
		die "$DIR is not on a disk of its own count in /proc/diskstats; see --dir"
	trap cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	clear_stale_limit
	release "$DIR/dst.img" "$DIR/dst"
	release "$DIR/limited.img" "$DIR/limited"
	build_tools
	[ -f "$DIR/dst.img" ] || need_gib "$DST_GIB"
	lock
	make_image "$DIR/dst.img" $((DST_GIB * 1024))
	unlock
	DST_LOOP=$(attach "$DIR/dst.img") || exit 1
	: >"$DIR/raw"
	[ -z "$OUT" ] || : >"$OUT" || die "cannot write $OUT"
}

# Whether a row was asked for.
wanted()
{
	[ -z "$ONLY" ] || [[ ,$ONLY, == *,$1,* ]]
}

# All rounds of one row: the programs take turns within each round.
run_row()
{
	local row=$1 data=$2 cache=$3 kind=$4 work=$5 rounds=$ROUNDS round who whos=(cp ours) mkfs=()
	if [ "$kind" = rss ]; then # memory is no matter of luck, and cp's time none of this row's
		whos=(ours) rounds=1 mkfs=(-N 1200000)
	fi
	[ -z "$VS" ] || whos+=(vs)
	case $work in
	copy | archive) whos+=(bound) ;;
	esac
	lock
	prepare "$data"
	unlock
	if [ "$kind" = floor ]; then
		set_limit "$(whole_disk "$DISK")"
		check_limit
	fi
	for ((round = 0; round < rounds; round++)); do
		for who in "${whos[@]}"; do
			run_one "$row" "$who" "$cache" "$SRC" "$SUM" "$work" "${mkfs[@]}" || return 1
		done
	done
	clear_limit
}

# One row of the table.  FLOOR: the seconds that the bandwidth limit alone asks for this data.
table_row()
{
	local row=$1 data=$2 cache=$3 kind=$4 target=$5 work=$6 floor
	if [ "$kind" = reads ]; then
		wanted "$data-$cache" && return 0 # printed with that row
		run_row "$data-$cache" "$data" "$cache" ratio copy &&
			report_reads "$row" "$data-$cache" "$target"
		return
	fi
	run_row "$row" "$data" "$cache" "$kind" "$work" || return 1
	floor=$(awk -v b="${SUM#* }" -v bps="$LIMIT_BPS" 'BEGIN {print b / bps}')
	report "$row" "$kind" "$target" "$floor"
	while read -r name of of_cache of_kind target; do
		if [ "$of_kind" = reads ] && [ "$of-$of_cache" = "$row" ]; then
			report_reads "$name" "$row" "$target"
		fi
	done <<<"$ROWS"
	return 0
}

main()
{
	local failed=0
	parse "$@"
	check_host
	BINARY=$(find_binary) || exit 1
	[ -z "$VS" ] || VS=$(realpath -e "$VS") || die "--vs: no such program"
	setup
	heading
	while read -r -u 7 row data cache kind target work; do
		if [ -n "$row" ] && wanted "$row"; then
			table_row "$row" "$data" "$cache" "$kind" "$target" "${work:-copy}" || failed=1
			clear_limit
		fi
	done 7<<<"$ROWS"
	[ "$failed" -eq 0 ] || die "not every row could be measured"
	[ "$MISSED" -eq 0 ] || exit 3
}

main "$@"
