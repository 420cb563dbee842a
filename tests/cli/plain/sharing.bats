# SPDX-License-Identifier: MIT
# Workers do not write to the same cache lines for each file: tests/tools/lines.h tells how that is counted.
load ../lib

# Files, directories, writes to lines with several writers, and locks, of a copy by 4 workers.
count_shared() {
	local _
	run -0 sharing "$@" 4
	read -r _ files _ dirs _ _ _ shared _ locks <<<"$output"
}

@test 'nothing shared is written per file: where directories are large' {
	local sink
	small_tree src 6 500
	for sink in null local; do
		count_shared "$sink" src "$sink"
		[ "$files" -eq 3000 ]
		# One a file would be as many as files. A run of 256 files costs some 20, a directory some 60; and runs are halved
		# for workers that have none, so how many there are is a matter of who waits for a processor.
		[ "$shared" -lt $((files / 2)) ]
		[ "$locks" -lt $((files / 2)) ]
	done
}

@test 'nothing shared is written per file: where directories are small' {
	local sink
	small_tree src 150 10
	for sink in null local; do
		count_shared "$sink" src "$sink"
		[ "$files" -eq 1500 ]
		[ "$shared" -lt $((dirs * 100)) ]
		[ "$locks" -lt $((dirs * 20)) ]
	done
}
