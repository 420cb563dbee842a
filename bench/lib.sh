# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154  # variables shared with the files beside it
#
# The destination file system, the caches, and one measurement.  Uses PROGRAM, and command.sh's DIR, BIN, BINARY, VS.

DST_GIB=8
DST_LOOP=
CHILD=

# Say what is wrong and stop; what was set up is undone by the caller's trap.
die()
{
	echo "bench/$PROGRAM: $*" >&2
	exit 1
}

# Run a command that a signal must not wait for: a trap runs at once, and stops it.
interruptible()
{
	"$@" &
	CHILD=$!
	local status=0
	wait "$CHILD" || status=$?
	CHILD=
	return "$status"
}

# With BENCH_LOCK set, keep away from others that measure on this machine and lock the same file.
lock()
{
	[ -z "${BENCH_LOCK:-}" ] || interruptible flock 9 || die "cannot lock $BENCH_LOCK"
}

unlock()
{
	[ -z "${BENCH_LOCK:-}" ] || flock -u 9
}

# MAJOR:MINOR of what holds a path's file system: a partition or a whole disk.
device_of()
{
	local device source
	device=$(findmnt -nvo MAJ:MIN -T "$1") || return
	if [ "${device%%:*}" = 0 ]; then # no number of its own: Btrfs
		source=$(findmnt -nvo SOURCE -T "$1")
		device=$(lsblk -dno MAJ:MIN "$source" 2>/dev/null) || return
	fi
	echo "${device// /}"
}

# MAJOR:MINOR of the whole disk that a partition is on.
whole_disk()
{
	if [ -e "/sys/dev/block/$1/partition" ]; then
		cat "/sys/dev/block/$1/../dev"
	else
		echo "$1"
	fi
}

# Read requests that a device has completed so far; merged ones count once.
disk_reads()
{
	awk -v d="$1" '$1 ":" $2 == d {print $4}' /proc/diskstats
}

# An image whose every block is written: neither a hole nor an unwritten extent is left to be
# filled while a copy is timed.
make_image()
{
	local image=$1 mib=$2 blocks
	blocks=$(stat -c %b "$image" 2>/dev/null || echo 0)
	if [ "$blocks" -ge $((mib * 2048)) ]; then
		return 0
	fi
	echo "writing $mib MiB of zeros to $image" >&2
	rm -f "$image"
	dd if=/dev/zero of="$image" bs=1M count="$mib" conv=fsync status=none ||
		die "cannot write $image"
}

# Attach an image; prints the loop device.
attach()
{
	local loop
	loop=$(losetup --find --show --direct-io=on "$1") || die "cannot attach $1 to a loop device"
	[ "$(losetup -nO DIO "$loop" | tr -d ' ')" = 1 ] ||
		echo "bench/$PROGRAM: no direct I/O to $1: its writes go through the cache twice" >&2
	echo "$loop"
}

# Unmount; a process that is just ending may still hold the file system for a moment.
unmount()
{
	local _
	mountpoint -q "$1" || return 0
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		umount "$1" 2>/dev/null && return 0
		sleep 0.3
	done
	umount -l "$1"
}

# Unmount and detach whatever of an image is still in use.
release()
{
	local image=$1 mnt=$2 loop
	unmount "$mnt"
	for loop in $(losetup -nO NAME -j "$image" 2>/dev/null); do
		losetup -d "$loop"
	done
}

# make_fs FILE-SYSTEM LOOP [OPTION]...: make one.  Nothing may be discarded: that would punch the image
# full of holes.
make_fs()
{
	local fs=$1 loop=$2
	shift 2
	case $fs in
	ext4) mkfs.ext4 -qF -E nodiscard,lazy_itable_init=1,lazy_journal_init=1 "$@" "$loop" ;;
	xfs) mkfs.xfs -qfK "$@" "$loop" ;;
	btrfs) mkfs.btrfs -qfK "$@" "$loop" ;;
	esac >/dev/null || die "mkfs.$fs on $loop failed"
}

# mount_fs FILE-SYSTEM LOOP DIR: mount it.  The kernel must neither zero the inode tables nor discard
# anything in the background: that would disturb what is being timed, and punch holes into the image.
mount_fs()
{
	case $1 in
	ext4) mount -t ext4 -o noinit_itable "$2" "$3" ;;
	xfs) mount -t xfs "$2" "$3" ;;
	btrfs) mount -t btrfs -o nodiscard "$2" "$3" ;;
	tmpfs) mount -t tmpfs none "$3" ;; # In the place of the device.
	esac
}

# fresh_dst FILE-SYSTEM [OPTION]...: the destination, made anew and mounted.
fresh_dst()
{
	local fs=$1
	shift
	unmount "$DIR/dst"
	make_fs "$fs" "$DST_LOOP" "$@"
	mount_fs "$fs" "$DST_LOOP" "$DIR/dst" || die "cannot mount $DST_LOOP"
}

# Put the caches into the state that a row asks for.
set_cache()
{
	sync
	case $1 in
	cold) echo 3 >/proc/sys/vm/drop_caches ;;
	warm) read_tree "$2" ;;
	esac
}

# Read every byte of a tree.  (tar does not read when it sees that its output is the null device.)
read_tree()
{
	tar -cf - -C "$1" . | cat >/dev/null
}

# Number and bytes of a tree's regular files.
tree_sum()
{
	find "$1" -type f -printf '%s\n' | awk '{bytes += $1} END {printf "%d %.0f\n", NR, bytes}'
}

# is_whole ROW WHO STATUS GOT SUM: whether a run ended well and left the files and bytes that it should have; else it is said.
is_whole()
{
	[ "$3" -ne 0 ] || [ "$4" != "$5" ] || return 0
	echo "bench/$PROGRAM: $1: $2: exit status $3; files, bytes: $4, not $5" >&2
	head -n 3 "$DIR/stderr" >&2
	return 1
}

# The measured part: in a control group when there is one, without the lock's descriptor.
measured()
{
	[ -z "$CGROUP" ] || echo "$BASHPID" >"$CGROUP/cgroup.procs" || exit 125
	exec "$BIN/measure" "$DIR/measured" "$@" >"$DIR/stdout" 2>"$DIR/stderr" 9>&-
}

# fio, reading all files of a data set and writing as much in a new one at the same time, past the cache.
fio_command()
{
	local src=$1 files bytes
	files=$(find "$src" -type f | sort | paste -sd:)
	bytes=$(tree_sum "$src" | cut -d' ' -f2)
	COMMAND=(fio --direct=1 --ioengine=io_uring --bs=1M --iodepth=8
		--name=read --rw=read "--filename=$files" --file_service_type=sequential "--size=$bytes"
		--name=write --rw=write "--filename=$DIR/dst/out" --fallocate=native "--filesize=$bytes" "--size=$bytes")
}

# The program that WHO stands for in a row of WORK, and how it names the two places, in COMMAND.
set_command()
{
	local work=$1 who=$2 src=$3 cache=${4:-} bound=("$BIN/bound")
	# Clones wait for each other's locks.
	[ "$work" != reflink ] || bound+=(-t "$(nproc)")
	[ -z "${BOUND_THREADS:-}" ] || bound+=(-t "$BOUND_THREADS")
	# What is cached is read soonest by plain calls.
	[ "$cache" != warm ] || bound+=(-b 0)
	case $work:$who in
	*:read) COMMAND=("${bound[@]}" read "$src") ;;
	# Owner and mode come with the create, where root copies what is root's.
	archive:make) COMMAND=("${bound[@]}" -m make "$src" "$DIR/dst/out") ;;
	*:make) COMMAND=("${bound[@]}" make "$src" "$DIR/dst/out") ;;
	again:bound | same:bound) COMMAND=("${bound[@]}" stat "$src" "$DIR/dst/out") ;;
	changed:bound) COMMAND=("${bound[@]}" replace "$src" "$DIR/dst/out") ;;
	reflink:bound) COMMAND=("${bound[@]}" clone "$DIR/dst/src" "$DIR/dst/out") ;;
	copy:fio) fio_command "$src" ;;
	copy:small | copy:large) COMMAND=("$BINARY" "$src/$who" "$DIR/dst/out") ;;
	copy:cp) COMMAND=(cp -r "$src" "$DIR/dst/out") ;;
	inline:cp) COMMAND=("$BINARY" --io=inline "$src" "$DIR/dst/out") ;;
	inline:ours) COMMAND=("$BINARY" "$src" "$DIR/dst/out") ;;
	inline:vs) COMMAND=("$VS" "$src" "$DIR/dst/out") ;;
	reflink:cp) COMMAND=(cp -r --reflink=auto "$DIR/dst/src" "$DIR/dst/out") ;;
	reflink:ours) COMMAND=("$BINARY" "$DIR/dst/src" "$DIR/dst/out") ;;
	reflink:vs) COMMAND=("$VS" "$DIR/dst/src" "$DIR/dst/out") ;;
	archive:cp) COMMAND=(cp -a "$src" "$DIR/dst/out") ;;
	resume:cp) COMMAND=("$BINARY" "$src" "$DIR/dst/out") ;;
	resume:ours) COMMAND=("$BINARY" --resume "$DIR/journal" "$src" "$DIR/dst/out") ;;
	resume:vs) COMMAND=("$VS" --resume "$DIR/journal" "$src" "$DIR/dst/out") ;;
	*:cp) COMMAND=(rsync -a "$src/" "$DIR/dst/out/") ;;
	copy:ours) COMMAND=("$BINARY" "$src" "$DIR/dst/out") ;;
	same:ours) COMMAND=("$BINARY" -a --no-preserve=xattr,acl,links "$src" "$DIR/dst/out") ;;
	same:vs) COMMAND=("$VS" -a --no-preserve=xattr,acl,links "$src" "$DIR/dst/out") ;;
	copy:vs) COMMAND=("$VS" "$src" "$DIR/dst/out") ;;
	*:ours) COMMAND=("$BINARY" -a "$src" "$DIR/dst/out") ;;
	*:vs) COMMAND=("$VS" -a "$src" "$DIR/dst/out") ;;
	esac
}

# used_kib FILE-SYSTEM: what the destination's files take.  Btrfs tells data and metadata apart.
used_kib()
{
	if [ "$1" = btrfs ]; then
		btrfs filesystem df -k "$DIR/dst" | sed -n 's/^Data,.*used=\([0-9.]*\)KiB$/\1/p'
	else
		df -k --output=used "$DIR/dst" | tail -n 1
	fi
}

# Fill the destination with a copy, of which WORK says how good it is.
prepare_dst()
{
	local work=$1 src=$2
	case $work in
	reflink) "$BINARY" --quiet "$src" "$DIR/dst/src" || die "cannot prepare the destination" ;;
	again | same | changed) "$BINARY" --quiet -a "$src" "$DIR/dst/out" || die "cannot prepare the destination" ;;
	*) return 0 ;;
	esac
	[ "$work" = changed ] || return 0
	# As long as before, and with another time.
	find "$DIR/dst/out" -type f | sort | awk 'NR % 100 == 0' |
		while read -r file; do
			printf x | dd of="$file" conv=notrunc status=none
		done
}

# run_one ROW WHO CACHE SRC SUM WORK FILE-SYSTEM [MKFS-OPTION]...: one run of one program, added to the
# raw figures.
run_one()
{
	local row=$1 who=$2 cache=$3 src=$4 sum=$5 work=$6 fs=$7 status=0 reads used got
	shift 7
	set_command "$work" "$who" "$src" "$cache"
	case $who in
	small | large) sum=$(tree_sum "$src/$who") ;;
	fio) sum="1 ${sum#* }" ;;
	esac
	lock
	fresh_dst "$fs" "$@"
	rm -f "$DIR/journal"
	prepare_dst "$work" "$src"
	set_cache "$cache" "$src"
	if [ "$work" != copy ] && [ "$cache" = warm ] && [ -d "$DIR/dst/out" ]; then
		find "$DIR/dst/out" -printf '%s\n' >/dev/null
	fi
	used=$(used_kib "$fs")
	reads=$(disk_reads "$DISK")
	interruptible measured "${COMMAND[@]}" || status=$?
	reads=$(($(disk_reads "$DISK") - reads))
	if [ "$who" = read ]; then
		got=$(told files)\ $(told bytes)
	else
		got=$(tree_sum "$DIR/dst/out" 2>/dev/null)
	fi
	sync -f "$DIR/dst"
	used=$(awk -v now="$(used_kib "$fs")" -v then="$used" 'BEGIN {print now - then}')
	unmount "$DIR/dst"
	unlock
	is_whole "$row" "$who" "$status" "$got" "$sum" || return 1
	record "$row" "$who" "$reads" "$used"
}

# What bound has printed about itself: told NAME.
told()
{
	tr ' ' '\n' <"$DIR/stdout" | sed -n "s/^$1=//p"
}

# Add a run to the raw figures: row, who, wall, cpu, RSS in KiB, reads, KiB that the destination grew by.
record()
{
	local wall user sys rss
	read -r wall user sys rss _ <"$DIR/measured"
	case $2 in
	read | make | bound) wall=$(told bound_s) user=$(told cpu_s) sys=0 ;;
	esac
	awk -v w="$wall" -v u="$user" -v s="$sys" -v head="$1 $2" -v tail="$rss $3 $4" \
		'BEGIN {printf "%s %.3f %.3f %s\n", head, w, u + s, tail}' >>"$DIR/raw"
}
