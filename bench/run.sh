#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Prints the speed table: uring-sync against cp -r, row by row.  See README.md beside this file.
set -u -o pipefail
export LC_ALL=C

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PROGRAM=run.sh
# shellcheck source-path=SCRIPTDIR source=rows.sh
. "$HERE/rows.sh"
# shellcheck source-path=SCRIPTDIR source=command.sh
. "$HERE/command.sh"
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$HERE/lib.sh"
# shellcheck source-path=SCRIPTDIR source=data.sh
. "$HERE/data.sh"
# shellcheck source-path=SCRIPTDIR source=limit.sh
. "$HERE/limit.sh"
# shellcheck source-path=SCRIPTDIR source=slow.sh
. "$HERE/slow.sh"
# shellcheck source-path=SCRIPTDIR source=report.sh
. "$HERE/report.sh"

# Unmount and detach the sources that lie on file systems of their own.
release_sources()
{
	local name
	for name in limited xfs btrfs; do
		release "$DIR/$name.img" "$DIR/$name"
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
	unmount_slow
	release "$DIR/dst.img" "$DIR/dst"
	release_sources
}

setup()
{
	claim_dir
	clear_stale_limit
	release_sources
	build_tools mktree bound measure
	claim_dst
}

# All rounds of one row: the programs take turns within each round.
run_row()
{
	local row=$1 data=$2 cache=$3 kind=$4 work=$5 rounds=$ROUNDS round who whos=(cp ours) mkfs=() fs=ext4
	case $data in
	*xfs) fs=xfs ;;
	*btrfs) fs=btrfs ;;
	esac
	if [ "$kind" = rss ]; then # memory is no matter of luck, and cp's time none of this row's
		whos=(ours) rounds=1 mkfs=(-N 1200000)
	fi
	if [[ $work == slow:* ]]; then
		run_slow_row "$row" "$data" "$work"
		return
	fi
	[ "$kind" != sum ] || whos=(ours small large)
	[ -z "$VS" ] || whos+=(vs)
	case $work:$data:$kind in
	copy:large:* | copy:huge:*) ! command -v fio >/dev/null || whos+=(fio) ;;
	copy:shuffled:*) whos+=(make) ;; # bound reads by inode number, which is not the best order there
	copy:*:ratio | archive:*) whos+=(read make) ;;
	again:* | same:* | changed:* | reflink:*) whos+=(bound) ;;
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
			run_one "$row" "$who" "$cache" "$SRC" "$SUM" "$work" "$fs" "${mkfs[@]}" || return 1
		done
	done
	clear_limit
}

# One row of the table.  FLOOR: the seconds that the bandwidth limit alone asks for this data.
table_row()
{
	local row=$1 data=$2 cache=$3 kind=$4 target=$5 work=$6 floor of name of_data of_cache of_kind of_work
	if [[ $kind == @(reads|grown|fio) ]]; then
		of=$(awk -v d="$data" -v c="$cache" '$2 == d && $3 == c && $4 == "ratio" {print $1; exit}' <<<"$ROWS")
		wanted "$of" && return 0 # printed with that row
		run_row "$of" "$data" "$cache" ratio "$work" && report_count "$row" "$of" "$kind" "$target"
		return
	fi
	run_row "$row" "$data" "$cache" "$kind" "$work" || return 1
	floor=$(awk -v b="${SUM#* }" -v bps="$LIMIT_BPS" 'BEGIN {print b / bps}')
	report "$row" "$kind" "$target" "$floor"
	while read -r name of_data of_cache of_kind target of_work; do
		if [ "$of_data $of_cache ${of_work:-copy}" = "$data $cache $work" ] &&
			[[ $of_kind == @(reads|grown|fio) ]]; then
			report_count "$name" "$row" "$of_kind" "$target"
		fi
	done <<<"$ROWS"
	return 0
}

main()
{
	local failed=0
	parse "$@"
	need_root rsync mkfs.xfs mkfs.btrfs tar xz
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
