# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154  # variables shared with the files beside it
#
# Medians and the table.  Columns of $DIR/raw: row, who, wall, cpu, RSS in KiB, reads.

MISSED=0
WALL=3 CPU=4 RSS=5 READS=6

# Print a line, and keep it in the file of --out.
emit()
{
	echo "$*"
	[ -z "$OUT" ] || echo "$*" >>"$OUT"
}

# median ROW WHO COLUMN: "median min max", nothing when there was no run.
median()
{
	awk -v r="$1" -v w="$2" -v c="$3" '$1 == r && $2 == w {print $c}' "$DIR/raw" | sort -g |
		awk '{v[NR] = $1}
		END {
			if (NR) {
				h = int((NR + 1) / 2)
				print (v[h] + v[NR + 1 - h]) / 2, v[1], v[NR]
			}
		}'
}

# The same as "1.91 (1.85-1.99)", or "-".
spread()
{
	median "$@" | awk '{printf "%.2f (%.2f-%.2f)", $1, $2, $3} END {if (!NR) printf "-"}'
}

# Just the median, through a printf format and divided by a number; or "-".
middle()
{
	median "$1" "$2" "$3" | awk -v f="$4" -v d="${5:-1}" '{printf f, $1 / d} END {if (!NR) printf "-"}'
}

# Compare: prints "ok" or "miss".
verdict()
{
	awk -v a="$1" -v op="$2" -v b="$3" \
		'BEGIN {print (op == ">=" ? a >= b : a <= b) ? "ok" : "miss"}'
}

# One line of the table.
line()
{
	local form='%-10s  %-21s  %-21s  %6s  %-8s  %-6s  %7s  %7s  %-4s  %7s  %7s  %7s'
	# shellcheck disable=SC2059  # the format is the one above
	emit "$(printf "$form" "$@")${VS_CELLS:-}"
}

# What was measured, on what.
heading()
{
	emit "uring-sync: $("$BINARY" --version 2>/dev/null | head -n 1) ($BINARY)"
	emit "against: $(cp --version | head -n 1); kernel $(uname -r), $(nproc) processors," \
		"$(awk '/^MemTotal/ {printf "%.0f GiB", $2 / 1048576}' /proc/meminfo);" \
		"source on $(findmnt -no FSTYPE -T "$DIR"), disk $DISK; $(date -u +%F)"
	emit "$ROUNDS rounds, median (min-max); bound: create and write alone, $BOUND_THREADS threads"
	VS_CELLS=
	[ -z "$VS" ] || VS_CELLS=$(printf '  %-21s  %8s  %8s' "vs wall, s" "vs cpu,s" "vs/ours")
	line row 'other wall, s' 'uring-sync wall, s' ratio target result \
		'its cpu' 'our cpu' 'cpu' 'RSS,MiB' 'reads' 'bound,s'
}

# The cells of a second binary.
vs_cells()
{
	local row=$1 vs ours
	VS_CELLS=
	[ -n "$VS" ] || return 0
	vs=$(middle "$row" vs $WALL %s) ours=$(middle "$row" ours $WALL %s)
	VS_CELLS=$(printf '  %-21s  %8s  %8s' "$(spread "$row" vs $WALL)" \
		"$(middle "$row" vs $CPU %.2f)" "$(awk -v v="$vs" -v o="$ours" 'BEGIN {printf "%.2f", v / o}')")
}

# report ROW KIND TARGET FLOOR: the line of a row whose runs are done.
report()
{
	local row=$1 kind=$2 target=$3 floor=$4 op figure unit='' result cp_cpu our_cpu cpu_result=-
	local cp_wall our_wall
	cp_wall=$(middle "$row" cp $WALL %s) our_wall=$(middle "$row" ours $WALL %s)
	cp_cpu=$(middle "$row" cp $CPU %.2f) our_cpu=$(middle "$row" ours $CPU %.2f)
	case $kind in
	ratio) op='>=' figure=$(awk -v a="$cp_wall" -v b="$our_wall" 'BEGIN {printf "%.2f", a / b}') ;;
	floor) op='<=' figure=$(awk -v a="$our_wall" -v b="$floor" 'BEGIN {printf "%.3f", a / b}') ;;
	rss) op='<=' unit=' MiB' figure=$(middle "$row" ours $RSS %.1f 1024) ;;
	esac
	result=$(verdict "$figure" "$op" "$target")
	[ "$cp_cpu" = - ] || cpu_result=$(verdict "$our_cpu" '<=' "$cp_cpu")
	[ "$result" = ok ] || MISSED=1
	[ "$cpu_result" != miss ] || MISSED=1
	vs_cells "$row"
	line "$row" "$(spread "$row" cp $WALL)" "$(spread "$row" ours $WALL)" "$figure" \
		"$op $target$unit" "$result" "$cp_cpu" "$our_cpu" "$cpu_result" \
		"$(middle "$row" ours $RSS %.1f 1024)" "$(middle "$row" ours $READS %.0f)" \
		"$(middle "$row" bound $WALL %.2f)"
}

# report_reads ROW OF TARGET: the reads that reached the disk while row OF ran.
report_reads()
{
	local row=$1 of=$2 target=$3 figure result
	figure=$(middle "$of" ours $READS %.0f)
	result=$(verdict "$figure" '<=' "$target")
	[ "$result" = ok ] || MISSED=1
	VS_CELLS=
	line "$row" "$(middle "$of" cp $READS %.0f) reads" "$figure reads" - "<= $target" "$result" \
		- - - - "$figure" -
}
