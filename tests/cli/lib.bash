# SPDX-License-Identifier: MIT
# What the command tests share.  check sets, and a hand run may set:
#
#	US_BIN     the program
#	US_TOOLS   the directory of churn, mkzoo, nosys, peakrss, treecmp
#	US_ARGS    options for every run of the program ("--io=async -j 4"); may be empty
#
# Each test runs in a directory of its own, $T, which is emptied afterwards.
bats_require_minimum_version 1.5.0

: "${US_BIN:?is not set}" "${US_TOOLS:?is not set}"
PATH=$US_TOOLS:$PATH
LC_ALL=C
export PATH LC_ALL
umask 022

# A file with a setup() of its own calls this first.
enter_test() {
	T=$BATS_TEST_TMPDIR
	if [ "$(id -u)" -eq 0 ]; then
		# Some tests drop to an ordinary user, who has to get here.
		chmod 0711 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* 2>/dev/null || true
		chmod 0777 "$T"
	fi
	cd "$T" || return 1
}

setup() {
	enter_test
}

# unmount DIR: FUSE as an ordinary user too.  A server of FUSE that has just been unmounted holds what is below it until
# its process has ended, so that a busy one is tried for a while.
unmount() {
	local i
	for ((i = 0; i < 200; i++)); do
		umount "$1" 2>/dev/null || fusermount3 -q -u "$1" && return
		sleep 0.05
	done
	umount "$1"
}

# The same of what the test has mounted last.
unmount_last() {
	unmount "${MOUNTED[-1]}"
	unset 'MOUNTED[-1]'
}

# All that the test has mounted, the last first: one may lie on another.
unmount_all() {
	local i
	for ((i = ${#MOUNTED[@]} - 1; i >= 0; i--)); do
		unmount "${MOUNTED[i]}"
	done
}

# One with a teardown() calls this last.
leave_test() {
	cd / || return 1
	unmount_all
	chmod -R u+rwX -- "$T" 2>/dev/null || true
	rm -rf -- "$T"
}

teardown() {
	leave_test
}

# The program with the options of this pass.
us() {
	# shellcheck disable=SC2086 # several options in one variable
	"$US_BIN" ${US_ARGS:-} "$@"
}

# The same with a failure asked for.
us_fault() {
	local fault=$1
	shift
	URING_SYNC_FAULT=$fault us "$@"
}

# us_stopping FAULT HOOK ARGS...: run the program, which stops (SIGSTOP) where FAULT says so; each time it does, HOOK is
# run.  Sets status, output and stderr.
us_stopping() {
	local fault=$1 hook=$2 state pid
	shift 2
	# shellcheck disable=SC2086
	URING_SYNC_FAULT=$fault "$US_BIN" ${US_ARGS:-} "$@" >"$T/out" 2>"$T/err" 3>&- &
	pid=$!
	while { read -r _ _ state _ </proc/$pid/stat; } 2>/dev/null; do
		case $state in
		T)
			$hook
			# HOOK may have ended it.
			kill -CONT $pid 2>/dev/null || true
			;;
		Z) break ;;
		esac
		sleep 0.01
	done
	status=0
	wait $pid || status=$?
	output=$(cat "$T/out") stderr=$(cat "$T/err")
}

# The same as an ordinary user, whoever runs the tests.
us_user() {
	if [ "$(id -u)" -eq 0 ]; then
		# shellcheck disable=SC2086
		setpriv --reuid 65534 --regid 65534 --clear-groups -- "$T/us" ${US_ARGS:-} "$@"
	else
		us "$@"
	fi
}

# Any command as an ordinary user.
as_user() {
	if [ "$(id -u)" -eq 0 ]; then
		setpriv --reuid 65534 --regid 65534 --clear-groups -- "$@"
	else
		"$@"
	fi
}

# Make the program runnable for the ordinary user: its build directory may be out of his reach.
need_user() {
	cp "$US_BIN" "$T/us"
	chmod 0755 "$T/us"
	as_user "$T/us" --version >/dev/null || skip 'an ordinary user cannot reach the temporary directory'
}

need_root() {
	[ "$(id -u)" -eq 0 ] || skip 'needs root'
}

need_fault() {
	local built=yes
	mkdir fault-probe
	# A build that reads the variable aborts at this; the outer shell keeps bash's note of that quiet.
	bash -c 'URING_SYNC_FAULT=nonsense "$0" --sync fault-probe fault-probe-copy; exit $?' "$US_BIN" \
		>/dev/null 2>&1 && built=no
	rm -rf fault-probe fault-probe-copy
	[ $built = yes ] || skip 'the program is built without -Dfault=true'
}

# mount_tmpfs DIR OPTIONS, mount_ext4 DIR SIZE: unmounted by teardown.
mount_tmpfs() {
	need_root
	mkdir -p "$1"
	mount -t tmpfs -o "$2" none "$1" 2>/dev/null || skip 'mounting is not allowed here'
	MOUNTED+=("$T/$1")
}

mount_ext4() {
	need_root
	mkdir -p "$1"
	truncate -s "$2" "$T/$1.img"
	mkfs.ext4 -q -N 4096 "$T/$1.img"
	mount -o loop "$T/$1.img" "$1" 2>/dev/null || skip 'no loop device to mount'
	MOUNTED+=("$T/$1")
}

# The same for a file system with its own mkfs: mount_image TYPE DIR SIZE.
mount_image() {
	need_root
	mkdir -p "$2"
	truncate -s "$3" "$T/$2.img"
	"mkfs.$1" -q "$T/$2.img" >/dev/null 2>&1 || skip "no mkfs.$1"
	mount -o loop "$T/$2.img" "$2" 2>/dev/null || skip "$1 cannot be mounted here"
	MOUNTED+=("$T/$2")
}

# mount_passfs DIR MOUNTPOINT [OPTIONS]: DIR again as a FUSE file system (see tests/tools/passfs.c).
mount_passfs() {
	local options=${3:-timeout=1} said
	[ -w /dev/fuse ] || skip 'there is no FUSE here'
	[ "$(id -u)" -ne 0 ] || options=$options,dev,suid,allow_other
	mkdir -p "$1" "$2"
	if ! said=$(passfs -o "$options" "$1" "$2" 2>&1 3>&-); then
		[[ $said = *ermi* ]] && skip 'FUSE cannot be mounted here'
		printf '%s\n' "$said"
		return 1
	fi
	MOUNTED+=("$T/$2")
}

# The two judges.  rsync knows nothing of paths beyond PATH_MAX.
same_tree() {
	treecmp "$@"
}

same_to_rsync() {
	local out
	out=$(rsync -rlpt --delete --checksum --dry-run --itemize-changes --exclude /beyond-path-max "$1/" "$2/")
	[ -z "$out" ] || { printf '%s\n' "$out" | head; return 1; }
}

# All that -a keeps, by both; rsync does not look into holes.
same_archive() {
	local out
	treecmp -OXH "$1" "$2" || return 1
	# XFS shows ACLs to root a second time, as trusted.SGI_ACL_*.
	out=$(rsync -aHAXS --delete --checksum --dry-run --itemize-changes --exclude /beyond-path-max \
		--filter '-x trusted.SGI_ACL_*' --filter '-x system.*' "$1/" "$2/")
	[ -z "$out" ] || { printf '%s\n' "$out" | head; return 1; }
}

# What a write of any kind would change about the entries of the given trees.
ctimes() {
	find "$@" -printf '%p %i %C@\n' | sort
}

# Each name of the given ones leads to the same inode.
same_inode() {
	[ "$(stat -c %d:%i -- "$@" | sort -u | wc -l)" -eq 1 ]
}

# The program under strace, with the calls TRACE written to the file trace; nothing if strace may not run.
traced() {
	local trace=$1
	shift
	# shellcheck disable=SC2086
	ASAN_OPTIONS=detect_leaks=0 LSAN_OPTIONS=detect_leaks=0 \
		strace -f -qq -e signal=none -e "trace=$trace" -o trace "$US_BIN" ${US_ARGS:-} "$@"
}

need_strace() {
	strace -o /dev/null true 2>/dev/null || skip 'strace cannot run here'
}

# Calls on the ring are not seen by strace.
need_plain_calls() {
	[[ ${US_ARGS:-} != *--io=async* ]] || skip 'its calls are on the ring'
}

# A tree of DIRS x FILES files, each with its own path as contents.
small_tree() {
	local root=$1 dirs=$2 files=$3 d f
	for ((d = 0; d < dirs; d++)); do
		mkdir -p "$root/dir-$d"
		for ((f = 0; f < files; f++)); do
			printf '%s\n' "contents of $d $f" >"$root/dir-$d/file-$f"
		done
	done
}

# No temporary file of the program is left below the given places.
no_temporaries() {
	local found
	found=$(find "$@" -name '.uring-sync.*' ! -name .uring-sync.kept)
	[ -z "$found" ] || { printf 'left behind: %s\n' "$found"; return 1; }
}

# A number of the summary line in $output: summary files, summary failed ...
summary() {
	printf '%s\n' "$output" | grep ' copied, ' | grep -oE "[0-9]+ ($1)" | head -n 1 | cut -d' ' -f1
}

# Every byte of stdout and stderr of the last run is printable or a newline.
printable() {
	[ -z "$(printf '%s%s' "$output" "${stderr:-}" | tr -d '\n\040-\176\200-\377')" ]
}

mode_of() {
	stat -c %a -- "$1"
}
