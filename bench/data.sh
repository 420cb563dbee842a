# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154  # variables shared with the files beside it
#
# The data sets: made once, kept in $DIR/src, read once in each run of run.sh before they are
# measured.

declare -A SETTLED
declare -A SRC_LOOP

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

# 100,000 small files and 4 large ones.
make_mixed()
{
	rm -rf "$DIR/src/mixed.part"
	mkdir "$DIR/src/mixed.part"
	make_tree s4k "$DIR/src/mixed.part/small"
	make_tree four "$DIR/src/mixed.part/large"
	mv "$DIR/src/mixed.part" "$DIR/src/mixed"
}

# A source on a file system of its own, mounted on DIR/NAME: source_image NAME FILE-SYSTEM MIB DATA-SET.
source_image()
{
	local name=$1 fs=$2 mib=$3 data=$4
	local image=$DIR/$name.img
	if [ -z "${SRC_LOOP[$name]:-}" ]; then
		mkdir -p "$DIR/$name"
		[ -f "$image" ] || need_gib 3
		make_image "$image" "$mib"
		SRC_LOOP[$name]=$(attach "$image") || exit 1
		if ! mount_fs "$fs" "${SRC_LOOP[$name]}" "$DIR/$name" 2>/dev/null; then
			make_fs "$fs" "${SRC_LOOP[$name]}"
			mount_fs "$fs" "${SRC_LOOP[$name]}" "$DIR/$name" || die "cannot mount ${SRC_LOOP[$name]}"
		fi
	fi
	[ -d "$DIR/$name/$data" ] || make_tree "$data" "$DIR/$name/$data"
	SRC=$DIR/$name/$data
}

# prepare DATA-SET: sets SRC to its tree and SUM to the number and bytes of its files.
prepare()
{
	case $1 in
	# A limit on a disk counts requests before that disk merges them; a loop device merges them first.
	limited) source_image limited ext4 2048 s4k ;;
	xfs | btrfs) source_image "$1" "$1" 2048 s4k ;;
	inxfs) source_image xfs xfs 2048 s4k ;;
	inbtrfs) source_image btrfs btrfs 2048 s4k ;;
	mixed)
		SRC=$DIR/src/mixed
		[ -d "$SRC" ] || make_mixed
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
