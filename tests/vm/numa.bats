# SPDX-License-Identifier: MIT
# Two NUMA nodes of two processors each: where workers run, and where their memory lies.
load lib

setup() {
	enter_test
	need_vm
}

@test '--pin spreads workers over the nodes, and the memory of each is near to it' {
	run -0 vm --smp 4 --numa 2 --memory 768 - "$US_BIN" "$US_TOOLS"/{mkzoo,nodes,treecmp} <<-'EOF'
		set -e
		mkzoo -s zoo >made
		nodes zoo copy 4
		treecmp zoo copy
		uring-sync --pin -j 6 -v zoo again 2>&1 | grep -o 'pinned to .*'
		treecmp zoo again
		# Of processors 1 and 2 alone.
		taskset 6 nodes zoo third 3
		taskset 6 uring-sync --pin -v zoo fourth 2>&1 | grep -o 'pinned to .*'
		treecmp zoo fourth
	EOF
	[ "${lines[4]}" = 'pinned to CPUs 0 2 1 3 0 2' ]
	[ "${lines[8]}" = 'pinned to CPUs 1 2 1 2 1 2' ]
	unset 'lines[8]' 'lines[4]'
	[ "${#lines[@]}" -eq 7 ]
	local cpus=(0 2 1 3 1 2 1) at=0 buffered=0
	for line in "${lines[@]}"; do
		read -r worker _ cpu _ node _ files files_far _ buffers buffers_far <<<"$line"
		[ "$worker" -eq $((at % 4)) ]
		[ "$cpu" -eq "${cpus[at]}" ]
		[ "$node" -eq $((cpu / 2)) ]
		[ "$files" -gt 0 ]
		[ "$files_far" -eq 0 ]
		[ "$buffers_far" -eq 0 ]
		buffered=$((buffered + buffers))
		at=$((at + 1))
	done
	[ $buffered -gt 50 ]
}
