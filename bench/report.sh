# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154  # variables shared with the files beside it
#
# Medians and the table.  Columns of $DIR/raw: row, who, wall, cpu, RSS in KiB, reads, KiB grown.

MISSED=0
WALL=3 CPU=4 RSS=5 READS=6 GROWN=7

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

# One line of the table; cells that are not given have nothing to say.
line()
{
	local form='%-11s  %-21s  %-21s  %6s  %-8s  %-6s  %7s  %7s  %-4s  %7s  %7s  %6s  %6s  %7s  %6s  %8s  %6s'
	while [ $# -lt 17 ]; do
		set -- "$@" -
	done
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
	emit "$ROUNDS rounds, median (min-max); bound: reading alone and creating alone, or the calls of that row alone;" \
		"busy: its processor time / $(nproc)"
	VS_CELLS=
	[ -z "$VS" ] || VS_CELLS=$(printf '  %-21s  %8s  %8s' "vs wall, s" "vs cpu,s" "vs/ours")
	line row 'other wall, s' 'uring-sync wall, s' ratio target result \
		'its cpu' 'our cpu' 'cpu' 'RSS,MiB' 'reads' 'read,s' 'make,s' 'bound,s' 'best' 'ours/bnd' 'busy,s'
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

# bound_cells ROW: seconds of reading alone and of creating alone, their sum (or those of what stands for both), the best
# ratio there is to be had by it, how much more ours takes, and the processor time of the bound on each processor.
bound_cells()
{
	local row=$1 who reading making walls=() cpus=()
	reading=$(middle "$row" read $WALL %.2f) making=$(middle "$row" make $WALL %.2f)
	for who in read make bound; do
		[ "$reading" = - ] && [ "$who" = make ] && continue
		[ -n "$(median "$row" "$who" $WALL)" ] || continue
		walls+=("$(middle "$row" "$who" $WALL %s)") cpus+=("$(middle "$row" "$who" $CPU %s)")
	done
	if [ ${#walls[@]} -eq 0 ]; then
		echo "$reading $making - - - -"
		return
	fi
	awk -v r="$reading" -v m="$making" -v walls="${walls[*]}" -v cpus="${cpus[*]}" -v n="$(nproc)" \
		-v cp="$(middle "$row" cp $WALL %s)" -v ours="$(middle "$row" ours $WALL %s)" 'BEGIN {
			split(walls, w)
			split(cpus, c)
			printf "%s %s %.2f %.2f %.2f %.2f\n", r, m, w[1] + w[2], cp / (w[1] + w[2]), ours / (w[1] + w[2]),
				(c[1] + c[2]) / n
		}'
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
	sum)
		op='<=' cp_wall=$(awk -v s="$(middle "$row" small $WALL %s)" -v l="$(middle "$row" large $WALL %s)" \
			'BEGIN {printf "%.2f", s + l}')
		figure=$(awk -v a="$our_wall" -v b="$cp_wall" 'BEGIN {printf "%.3f", a / b}')
		;;
	rss) op='<=' unit=' MiB' figure=$(middle "$row" ours $RSS %.1f 1024) ;;
	esac
	result=$(verdict "$figure" "$op" "$target")
	# What may take a little longer than the other may take as much more of the processor.
	[ "$cp_cpu" = - ] || cpu_result=$(verdict "$our_cpu" '<=' \
		"$(awk -v c="$cp_cpu" -v t="$target" 'BEGIN {print t < 1 ? c / t : c}')")
	[ "$result" = ok ] || MISSED=1
	[ "$cpu_result" != miss ] || MISSED=1
	vs_cells "$row"
	[ "$kind" = sum ] || cp_wall=$(spread "$row" cp $WALL)
	# shellcheck disable=SC2046  # several cells
	line "$row" "$cp_wall" "$(spread "$row" ours $WALL)" "$figure" \
		"$op $target$unit" "$result" "$cp_cpu" "$our_cpu" "$cpu_result" \
		"$(middle "$row" ours $RSS %.1f 1024)" "$(middle "$row" ours $READS %.0f)" $(bound_cells "$row")
}

# report_count ROW OF KIND TARGET: what was counted while row OF ran: the reads that reached the disk, or the
# MiB that the destination grew by.
report_count()
{
	local row=$1 of=$2 kind=$3 target=$4 figure result unit column scale
	case $kind in
	fio)
		report_fio "$row" "$of" "$target"
		return
		;;
	reads) unit=reads column=$READS scale=1 ;;
	grown) unit=MiB column=$GROWN scale=1024 ;;
	esac
	figure=$(middle "$of" ours "$column" %.0f "$scale")
	result=$(verdict "$figure" '<=' "$target")
	[ "$result" = ok ] || MISSED=1
	VS_CELLS=
	line "$row" "$(middle "$of" cp "$column" %.0f "$scale") $unit" "$figure $unit" - "<= $target" "$result" \
		- - - - "$(middle "$of" ours $READS %.0f)"
}

# report_fio ROW OF TARGET: how near row OF came to what fio reads and writes at once.
report_fio()
{
	local row=$1 of=$2 target=$3 figure result
	VS_CELLS=
	if [ -z "$(median "$of" fio $WALL)" ]; then
		line "$row" 'fio is not installed' - - ">= $target"
		return
	fi
	figure=$(awk -v f="$(middle "$of" fio $WALL %s)" -v o="$(middle "$of" ours $WALL %s)" 'BEGIN {printf "%.2f", f / o}')
	result=$(verdict "$figure" '>=' "$target")
	[ "$result" = ok ] || MISSED=1
	line "$row" "$(spread "$of" fio $WALL)" "$(spread "$of" ours $WALL)" "$figure" ">= $target" "$result"
}
