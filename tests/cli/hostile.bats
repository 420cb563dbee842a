# SPDX-License-Identifier: MIT
# Someone who may change the source, or the destination, swaps what is there for symbolic links while it is copied: nothing
# outside is ever read or written.
load lib

# Three levels, each with files and with what they are swapped for; "outside" holds what must not be touched.
hostile_tree() {
	local d
	mkdir -p outside/sub src/d/e/f links
	printf 'SECRET\n' >outside/file-1
	printf 'SECRET\n' >outside/sub/file-1
	for d in src src/d src/d/e src/d/e/f; do
		for n in 1 2 3 4 5 6 7 8; do
			printf 'public %s\n' $n >"$d/file-$n"
		done
	done
	ln -s "$T/outside" links/d
	ln -s "$T/outside" links/e
	ln -s "$T/outside/file-1" links/f
	ln -s ../../../outside/file-1 links/g
	touch -d 2001-01-01 outside/file-1 outside/sub/file-1 outside/sub outside
}

# All that can be told of what is outside.
state_outside() {
	find outside -printf '%p %y %m %s %T@ %n\n' | sort
	cat outside/file-1 outside/sub/file-1
}

# under_attack ROUNDS ARGS...: copy src to dst while swap is at work on the pairs in $pairs.
under_attack() {
	local rounds=$1 round before pid
	shift
	before=$(state_outside)
	# shellcheck disable=SC2154
	swap "${pairs[@]}" 3>&- &
	pid=$!
	for ((round = 0; round < rounds; round++)); do
		[ "$keep_dst" = yes ] || rm -rf dst
		status=0
		us --quiet "$@" src dst >out 2>&1 || status=$?
		case $status in
		0 | 1 | 23 | 24) ;;
		*)
			kill $pid
			echo "exit $status: $(cat out)"
			return 1
			;;
		esac
		if grep -rqs SECRET dst; then
			kill $pid
			echo "round $round: what is outside was read"
			return 1
		fi
	done
	kill $pid
	wait $pid 2>/dev/null || true
	[ "$(state_outside)" = "$before" ]
}

@test "the source's directories and files are swapped for links that lead out" {
	hostile_tree
	keep_dst=no
	pairs=(src/d links/d src/d/e links/e src/d/e/f/file-1 links/f src/d/file-2 links/g)
	under_attack 40 -a
	under_attack 20 -a --checksum-file=sums
}

@test "the source's files are swapped for links that lead out" {
	hostile_tree
	keep_dst=no
	pairs=()
	for n in 1 2 3 4 5 6 7 8; do
		ln -s "$T/outside/file-1" links/file-$n
		pairs+=(src/file-$n links/file-$n)
	done
	under_attack 40 -a
	under_attack 20 --checksum-file=sums
	keep_dst=yes
	under_attack 20 --checksum
}

@test "the destination's directories and files are swapped for links that lead out" {
	hostile_tree
	keep_dst=yes
	us --quiet -a src dst
	printf old >dst/d/e/gone
	mkdir dst/d/e/f/gone
	pairs=(dst/d links/d dst/d/e links/e dst/d/e/f/file-1 links/f dst/d/file-2 links/g)
	for args in '-a --ignore-times' '-a --ignore-times --delete --backup' '-a --checksum' '-a -I --verify'; do
		# shellcheck disable=SC2086
		under_attack 12 $args
	done
}

@test "both at once, and the next run without anyone in its way makes a whole copy" {
	hostile_tree
	cp -a src good
	keep_dst=yes
	mkdir links2
	cp -a links/. links2
	us --quiet -a src dst
	pairs=(src/d links/d dst/d links2/d src/d/e links/e dst/d/e links2/e)
	under_attack 25 -a --ignore-times --delete
	rm -rf src
	cp -a good src
	run -0 us -a --checksum --delete src dst
	treecmp src dst
	no_temporaries dst
}
