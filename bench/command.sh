# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154  # variables shared with the files beside it
#
# The command line of run.sh and net.sh, and what both set up.  Uses ROWS, HERE, PROGRAM, and the caller's cleanup().

ROUNDS=5 ONLY='' BINARY='' VS='' OUT=''
BUILD=$HERE/../build/release
DIR=${TMPDIR:-/var/tmp}/uring-sync-bench

# The names of all rows, separated by commas.
row_names()
{
	awk 'NF {printf "%s%s", sep, $1; sep = ","}' <<<"$ROWS"
}

usage()
{
	cat <<-END
	Usage: bench/$PROGRAM [OPTION]...
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
	echo "bench/$PROGRAM: $*" >&2
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

# need_root TOOL...: what has to be at hand before anything is touched.
need_root()
{
	local tool
	[ "$(id -u)" -eq 0 ] ||
		die "must run as root: it makes and mounts file systems on loop devices, and drops the" \
			"kernel's caches"
	for tool in "$@" mkfs.ext4 losetup findmnt lsblk flock awk "${CC:-cc}"; do
		command -v "$tool" >/dev/null || die "$tool is needed and not installed"
	done
}

# build_tools NAME...: small programs, built where the data is, so that a checkout stays clean.
build_tools()
{
	local tool sources
	BIN=$DIR/bin
	mkdir -p "$BIN"
	for tool in "$@"; do
		sources=("$HERE/$tool.c")
		[ "$tool" != bound ] || sources=("$HERE"/bound*.c "$HERE/tree.c")
		"${CC:-cc}" -std=gnu17 -D_GNU_SOURCE -O2 -o "$BIN/$tool" "${sources[@]}" -lm -lpthread -luring ||
			die "cannot build $tool"
	done
}

# Whether a row was asked for.
wanted()
{
	[ -z "$ONLY" ] || [[ ,$ONLY, == *,$1,* ]]
}

# Where everything is kept, for this run alone.
claim_dir()
{
	mkdir -p "$DIR/src" "$DIR/dst" || die "cannot make $DIR"
	DIR=$(realpath "$DIR")
	exec 8>"$DIR/lock"
	flock -n 8 || die "another run uses $DIR"
	[ -z "${BENCH_LOCK:-}" ] || exec 9>"$BENCH_LOCK"
	DISK=$(device_of "$DIR")
	[ -n "$(disk_reads "$DISK")" ] ||
		die "$DIR is not on a disk of its own count in /proc/diskstats; see --dir"
	trap cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

# The destination's image, attached, and empty files for the results.
claim_dst()
{
	release "$DIR/dst.img" "$DIR/dst"
	[ -f "$DIR/dst.img" ] || need_gib "$DST_GIB"
	lock
	make_image "$DIR/dst.img" $((DST_GIB * 1024))
	unlock
	DST_LOOP=$(attach "$DIR/dst.img") || exit 1
	: >"$DIR/raw"
	[ -z "$OUT" ] || : >"$OUT" || die "cannot write $OUT"
}
