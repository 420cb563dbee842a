# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154  # variables shared with the files beside it
#
# A control group whose reads from the disk are held to so many a second and so many bytes a
# second.
#
# The loop driver does a request's I/O in the name of the control group that the request came
# from, so a limit for the copying process on the disk below the loop device holds.  check_limit()
# does not take that on trust.

CGROUP=
CGROUP_NAME=uring-sync-bench

# Where the control group for I/O is mounted: "v1 PATH" or "v2 PATH".
find_blkio()
{
	local path
	path=$(awk '$3 == "cgroup" && $4 ~ /(^|,)blkio(,|$)/ {print $2; exit}' /proc/mounts)
	if [ -n "$path" ]; then
		echo "v1 $path"
		return 0
	fi
	path=$(awk '$3 == "cgroup2" {print $2; exit}' /proc/mounts)
	if [ -n "$path" ] && grep -qw io "$path/cgroup.controllers"; then
		echo "v2 $path"
		return 0
	fi
	return 1
}

# Make the control group, with the limit set on a whole disk, given as MAJOR:MINOR.
set_limit()
{
	local disk=$1 version path
	read -r version path < <(find_blkio)
	[ -n "${path:-}" ] || die "this kernel has no control group that limits I/O"
	CGROUP=$path/$CGROUP_NAME
	mkdir -p "$CGROUP" || die "cannot make $CGROUP"
	if [ "$version" = v1 ]; then
		echo "$disk $LIMIT_IOPS" >"$CGROUP/blkio.throttle.read_iops_device" &&
			echo "$disk $LIMIT_BPS" >"$CGROUP/blkio.throttle.read_bps_device"
	else
		grep -qw io "$path/cgroup.subtree_control" || echo +io >"$path/cgroup.subtree_control"
		echo "$disk riops=$LIMIT_IOPS rbps=$LIMIT_BPS" >"$CGROUP/io.max"
	fi || die "cannot set the limit in $CGROUP"
}

# Remove the control group, and the limit with it.
clear_limit()
{
	local _
	[ -n "$CGROUP" ] || return 0
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		rmdir "$CGROUP" 2>/dev/null && break
		sleep 0.3
	done
	[ ! -d "$CGROUP" ] || echo "bench/$PROGRAM: cannot remove $CGROUP" >&2
	CGROUP=
}

# Remove what a run that was killed outright has left.
clear_stale_limit()
{
	local path
	read -r _ path < <(find_blkio)
	if [ -n "${path:-}" ] && [ -d "$path/$CGROUP_NAME" ]; then
		CGROUP=$path/$CGROUP_NAME
		clear_limit
	fi
}

# Read COUNT blocks of SIZE from the limited source's loop device; sets TOOK to the seconds.
timed_dd()
{
	lock
	interruptible measured dd if="${SRC_LOOP[limited]}" of=/dev/null iflag=direct bs="$1" count="$2" \
		status=none || die "cannot read ${SRC_LOOP[limited]}: $(head -n 1 "$DIR/stderr")"
	unlock
	read -r TOOK _ <"$DIR/measured"
}

# Measure that the limit holds, both ways; one that does not hold must not count as a result.  The
# kernel lets about a fifth of a second's worth through at once after a pause, hence seconds of
# reading.
check_limit()
{
	local small text status=0
	timed_dd 4096 9000
	small=$TOOK
	timed_dd 1M 600
	text=$(awk -v small="$small" -v large="$TOOK" -v iops="$LIMIT_IOPS" -v bps="$LIMIT_BPS" 'BEGIN {
		i = 9000 / small; b = 600 * 1048576 / large
		printf "limit check with dd: %.0f reads/s of 4 KiB (limit %d), ", i, iops
		printf "%.1f MB/s by 1 MiB (limit %.0f)\n", b / 1e6, bps / 1e6
		exit !(i <= 1.1 * iops && b <= 1.1 * bps)
	}') || status=1
	emit "$text"
	[ "$status" -eq 0 ] || die "the limit does not hold"
}
