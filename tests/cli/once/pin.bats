# SPDX-License-Identifier: MIT
# --pin: each worker keeps to one processor of those that it may use.
load ../lib

@test '--pin takes the processors that this process may use, in turn' {
	small_tree src 3 10
	run -0 --separate-stderr us --pin -j 5 -v src dst
	same_tree src dst
	[[ $stderr =~ 'workers are pinned to CPUs'((' '[0-9]+)+) ]]
	local cpus
	read -r -a cpus <<<"${BASH_REMATCH[1]}"
	[ "${#cpus[@]}" -eq 5 ]
	[ "$(printf '%s\n' "${cpus[@]}" | sort -u | wc -l)" -eq "$(($(nproc) < 5 ? $(nproc) : 5))" ]
	# One alone.
	run -0 --separate-stderr taskset -c "${cpus[0]}" "$US_BIN" --pin -j 3 -v src again
	[[ $stderr == *"workers are pinned to CPUs ${cpus[0]} ${cpus[0]} ${cpus[0]}"* ]]
}

@test 'without --pin no thread is kept anywhere, with it each worker is' {
	need_strace
	small_tree src 2 5
	traced sched_setaffinity -j 3 src dst
	[ "$(grep -c sched_setaffinity trace || true)" -eq 0 ]
	traced sched_setaffinity -j 3 --pin src again
	[ "$(grep -c 'sched_setaffinity.*= 0$' trace)" -eq 3 ]
	same_tree src again
}
