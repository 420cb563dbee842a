# SPDX-License-Identifier: MIT
# What changes between the look at a file and its comparison.
load ../lib

# At the Nth open after both directories were opened src/f becomes shorter.
cut_at_nth() {
	local fds
	fds=$(readlink "/proc/$pid/fd/"*)
	if [[ $fds == */src* && $fds == */dst* ]] && [ $((++opens)) -eq "$n" ]; then
		truncate -s 5000 src/f
	fi
}

@test "a file that becomes shorter before it is compared is not the same as far as it goes" {
	local n opens same=0
	need_fault
	mkdir src
	head -c 9000 /dev/urandom >file
	for ((n = 1, opens = 1; opens >= n - 1; n++)); do
		rm -rf dst
		cp file src/f
		cp -r src dst
		touch -d 2001-01-01 dst/f
		opens=0
		us_stopping openat:stop+ cut_at_nth --io=sync -j 1 --checksum src dst
		[ $status -eq 0 ]
		# It may be cut after it was compared.
		if [ "$(stat -c %y src/f)" = "$(stat -c %y dst/f)" ]; then
			cmp src/f dst/f
			((same += 1))
		fi
	done
	[ $n -ge 4 ]
	[ $same -ge 2 ]
}
