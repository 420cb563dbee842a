# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154  # variables shared with the files beside it
#
# The data sets: made once, kept in $DIR/src, read once in each run of run.sh before they are
# measured.

declare -A SETTLED
SRC_LOOP=

# Stop early where the disk is too small.
need_gib()
{
	local free
	free=$(df --output=avail -BG "$DIR" | tail -n 1 | tr -dc 0-9)
	[ "$free" -gt "$1" ] || die "$DIR: $1 GiB are needed for the next data set, $free are free"
}

# Make a tree with mktree, under its final name only when it is complete.
make_tree()
{
	local name=$1 tree=$2 gib args
	read -r gib args < <(awk -v n="$name" '$1 == n {$1 = ""; print}' <<<"$DATASETS")
	need_gib "$gib"
	echo "making data set $name" >&2
	rm -rf "$tree.part"
	# shellcheck disable=SC2086  # several arguments
	"$BIN/mktree" $args "$tree.part" >/dev/null || die "cannot make $tree"
	mv "$tree.part" "$tree"
	sync
}

# Unpack the kernel's source.
make_linux()
{
	local tarball=/usr/src/$LINUX_PACKAGE.tar.xz
	[ -f "$tarball" ] || die "$tarball is missing (apt-get install $LINUX_PACKAGE)"
	need_gib 2
	echo "unpacking $tarball" >&2
	rm -rf "$DIR/src/linux.part"
	mkdir "$DIR/src/linux.part"
	tar -xf "$tarball" -C "$DIR/src/linux.part" || die "cannot unpack $tarball"
	mv "$DIR/src/linux.part/$LINUX_PACKAGE" "$DIR/src/linux"
	rmdir "$DIR/src/linux.part"
	sync
}

# The source of the limited row: s4k again, on a loop device of its own.  A limit on a disk counts
# requests before that disk merges them; the loop device merges them first.
mount_limited()
{
	local image=$DIR/limited.img
	[ -z "$SRC_LOOP" ] || return 0
	[ -f "$image" ] || need_gib 3
	make_image "$image" 2048
	SRC_LOOP=$(attach "$image") || exit 1
	if ! mount_fs "$SRC_LOOP" "$DIR/limited" 2>/dev/null; then
		make_fs "$SRC_LOOP"
		mount_fs "$SRC_LOOP" "$DIR/limited" || die "cannot mount $SRC_LOOP"
	fi
	[ -d "$DIR/limited/s4k" ] || make_tree s4k "$DIR/limited/s4k"
}

# prepare DATA-SET: sets SRC to its tree and SUM to the number and bytes of its files.
prepare()
{
	case $1 in
	limited)
		mount_limited
		SRC=$DIR/limited/s4k
		;;
	linux)
		SRC=$DIR/src/linux
		[ -d "$SRC" ] || make_linux
		;;
	*)
		SRC=$DIR/src/$1
		[ -d "$SRC" ] || make_tree "$1" "$SRC"
		;;
	esac
	# The first reader of a day pays for updating access times (relatime): nobody who is timed.
	if [ -z "${SETTLED[$1]:-}" ]; then
		read_tree "$SRC"
		sync
		SETTLED[$1]=$(tree_sum "$SRC")
	fi
	SUM=${SETTLED[$1]}
}
