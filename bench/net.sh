#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Prints the table of copies between machines: send and recv against others, both ends on this machine, over loopback.  See README.md
# beside this file.
set -u -o pipefail
export LC_ALL=C

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PROGRAM=net.sh
# shellcheck source-path=SCRIPTDIR source=rows.sh
. "$HERE/rows.sh"
# shellcheck source-path=SCRIPTDIR source=command.sh
. "$HERE/command.sh"
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$HERE/lib.sh"
# shellcheck source-path=SCRIPTDIR source=data.sh
. "$HERE/data.sh"
# shellcheck source-path=SCRIPTDIR source=report.sh
. "$HERE/report.sh"
# shellcheck source-path=SCRIPTDIR source=net_run.sh
. "$HERE/net_run.sh"

# NAME  DATA-SET  WORK  WHO:TARGET[,WHO:TARGET]...
#   copy    everything cold, the destination new
#   again   into a finished copy: nothing is to be done
#   delay   through a relay, each direction 50 ms late; near is the same without delay
#   memory  one round, of ours alone
#   clear   as copy, but nobody encrypts
#   warm    the same, the source read before
#   tmpfs   the same, and into memory
#
# WHO is held against ours, which is send and recv with TLS:
#   rsync-ssh, rsyncd, tar   the other's median / ours: at least TARGET
#   uring, splice            the same of ours with that option: whether the default is right
#   plain                    ours / ours with --no-tls: at most TARGET
#   near                     ours - near: at most TARGET seconds
#   peak                     the larger side's peak memory in MiB: at most TARGET
ROWS='
s4k           s4k       copy    rsync-ssh:3,rsyncd:3,tar:3,plain:1.25
ln110         ln110     copy    rsync-ssh:3,rsyncd:2,tar:1.5,plain:1.25
large         large     copy    rsync-ssh:3,plain:1.25
again         s4k       again   rsync-ssh:3
delay         lat20k    delay   near:2
calls         s4k       clear   uring:0.9,splice:0.9
calls-large   quarters  warm    uring:0.8,splice:0.8
calls-memory  quarters  tmpfs   uring:0.8,splice:0.8
mem-1m        million   memory  peak:96
'

# Undo everything but the files in $DIR; runs however the script ends.
cleanup()
{
	trap '' INT TERM
	[ -z "$CHILD" ] || kill "$CHILD" 2>/dev/null
	stop_servers
	release "$DIR/dst.img" "$DIR/dst"
}

# All rounds of one row: the programs take turns within each round.
run_row()
{
	local row=$1 data=$2 work=$3 targets=$4 rounds=$ROUNDS round who whos=() mkfs=() target
	for target in ${targets//,/ }; do
		[[ $target == peak:* ]] || whos+=("${target%:*}")
	done
	whos+=(ours)
	[ -z "$VS" ] || whos+=(vs)
	if [ "$work" = memory ]; then # no matter of luck
		rounds=1 mkfs=(-N 1200000)
	fi
	lock
	prepare "$data"
	unlock
	for ((round = 0; round < rounds; round++)); do
		for who in "${whos[@]}"; do
			run_one "$row" "$who" "$work" "${mkfs[@]}" || return 1
		done
	done
}

# One line of the table.
net_line()
{
	local form='%-12s %-10s  %-21s  %-21s  %7s  %-7s  %-6s  %7s  %7s  %8s  %8s'
	# shellcheck disable=SC2059  # the format is the one above
	emit "$(printf "$form" "$@")"
}

net_heading()
{
	emit "uring-sync: $("$BINARY" --version 2>/dev/null | head -n 1) ($BINARY)"
	emit "$(rsync --version | head -n 1); kernel $(uname -r), $(nproc) processors; $(date -u +%F)"
	emit "$ROUNDS rounds, median (min-max); cpu: of the whole machine, kernel threads and all; in rows calls*: of both processes"
	net_line row against 'other wall, s' 'ours wall, s' figure target result 'its cpu' 'our cpu' 'send,MiB' 'recv,MiB'
}

# report_row ROW WHO TARGET: the line of one comparison.
report_row()
{
	local row=$1 who=$2 target=$3 op='>=' figure other ours result
	other=$(middle "$row" "$who" $WALL %s) ours=$(middle "$row" ours $WALL %s)
	case $who in
	plain) op='<=' figure=$(awk -v a="$ours" -v b="$other" 'BEGIN {printf "%.2f", a / b}') ;;
	near) op='<=' figure=$(awk -v a="$ours" -v b="$other" 'BEGIN {printf "%.2f", a - b}') ;;
	peak)
		op='<=' figure=$(awk -v a="$(middle "$row" ours $RSS %s)" -v b="$(middle "$row" ours $PEER_RSS %s)" \
			'BEGIN {printf "%.1f", (a > b ? a : b) / 1024}')
		;;
	*) figure=$(awk -v a="$other" -v b="$ours" 'BEGIN {printf "%.2f", a / b}') ;;
	esac
	result=$(verdict "$figure" "$op" "$target")
	[ "$result" = ok ] || MISSED=1
	net_line "$row" "$who" "$(spread "$row" "$who" $WALL)" "$(spread "$row" ours $WALL)" "$figure" "$op $target" "$result" \
		"$(middle "$row" "$who" $CPU %.2f)" "$(middle "$row" ours $CPU %.2f)" \
		"$(middle "$row" ours $RSS %.1f 1024)" "$(middle "$row" ours $PEER_RSS %.1f 1024)"
}

main()
{
	local failed=0 row data work targets target
	parse "$@"
	need_root rsync ssh ssh-keygen perl tar
	BINARY=$(find_binary) || exit 1
	[ -z "$VS" ] || VS=$(realpath -e "$VS") || die "--vs: no such program"
	claim_dir
	build_tools mktree measure relay
	claim_dst
	start_servers
	net_heading
	while read -r -u 7 row data work targets; do
		if [ -z "$row" ] || ! wanted "$row"; then
			continue
		fi
		run_row "$row" "$data" "$work" "$targets" || { failed=1; continue; }
		for target in ${targets//,/ }; do
			report_row "$row" "${target%:*}" "${target#*:}"
		done
		[ -z "$VS" ] || net_line "$row" --vs "$(spread "$row" vs $WALL)" "$(spread "$row" ours $WALL)" - - - \
			"$(middle "$row" vs $CPU %.2f)" "$(middle "$row" ours $CPU %.2f)" \
			"$(middle "$row" vs $RSS %.1f 1024)" "$(middle "$row" vs $PEER_RSS %.1f 1024)"
	done 7<<<"$ROWS"
	[ "$failed" -eq 0 ] || die "not every row could be measured"
	[ "$MISSED" -eq 0 ] || exit 3
}

main "$@"
