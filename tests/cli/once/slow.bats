# SPDX-License-Identifier: MIT
# File systems on which each call waits: FUSE, through passfs.
load ../lib

# One of everything, and what mkzoo leaves out: special files, hard links, extended attributes of all entries.
make_source() {
	mkzoo "$1" >/dev/null
	# Each create in one directory waits for the one before, and each level for that above.
	find "$1/wide" -type f ! -name '*0' -delete
	rm -rf "$1/deep"
	mkfifo "$1/fifo"
	ln "$1/fifo" "$1/fifo-again"
	echo linked >"$1/linked"
	ln "$1/linked" "$1/linked-again"
	setfattr -n user.of -v file "$1/linked"
	[ "$(id -u)" -eq 0 ] || return 0
	mknod "$1/null" c 1 3
	chown 77:88 "$1/linked"
	chmod 6755 "$1/linked"
	ln -s nowhere "$1/dangling"
	setfattr -h -n trusted.of -v link "$1/dangling"
	chown -h 5:6 "$1/dangling"
	setfacl -m u:1234:rwx "$1/linked-again"
}

# The most operations of a kind that waited at a time in the last mount, and how many there were.
peak() {
	awk -v op="$1" '$1 == op {print $3}' "$T/counts"
}

calls() {
	awk -v op="$1" '$1 == op {print $2}' "$T/counts"
}

# Unmount what was mounted last and wait for its counts.
end_passfs() {
	local i
	unmount_last
	for ((i = 0; i < 500; i++)); do
		[ ! -s "$T/counts" ] || return 0
		sleep 0.02
	done
	echo 'passfs has left no counts'
	return 1
}

@test "a tree is copied whole to and from a file system that waits, by more workers" {
	make_source src
	mount_passfs back mnt "delay=1000,timeout=60"
	run -0 --separate-stderr us -a -v src mnt/copy
	[[ $stderr == *'destination: create takes '*' ms (median): async'* ]]
	[[ $stderr == *', because calls are slow'* ]]
	same_archive src back/copy
	no_temporaries back
	mount_passfs back/copy from "delay=1000,timeout=60"
	run -0 --separate-stderr us -a -v from again
	[[ $stderr == *'source: open takes '*' ms (median): async'* ]]
	same_archive src again
	# The same again: nothing is written, and what is there is looked at by many.
	run -0 --separate-stderr us -a --stats from again
	[[ $output == 'Files copied: 0'* ]]
	[[ $output == *'Latency of source stat: median '*', async'* ]]
}

@test "a slow destination has more creates in flight than there were workers, in as many directories" {
	small_tree src 24 16
	mount_passfs back mnt "delay=10000,timeout=60,counts=$T/counts"
	run -0 --separate-stderr us -v --stats src mnt/copy
	[[ $stderr =~ jobs=([0-9]+)' queue-depth' ]]
	workers=${BASH_REMATCH[1]}
	[[ $stderr =~ jobs=([0-9]+)', because' ]]
	[ "${BASH_REMATCH[1]}" -gt "$workers" ]
	[[ $output == *'Latency of destination create: median '*', async'* ]]
	[[ $output == *'Latency of destination close: median '*', async'* ]]
	same_tree src back/copy
	end_passfs
	# A create is a lookup and a create; both hold the directory's lock.
	[ $(($(peak lookup) + $(peak create))) -gt 12 ]
	# Each choice was told at most twice, once for each way.
	[ "$(grep -c 'destination: create takes' <<<"$stderr")" -le 2 ]
}

@test "of a server a few calls tell that it is slow" {
	small_tree src 6 3
	mount_passfs back mnt "delay=10000,timeout=60"
	run -0 --separate-stderr us -v src mnt/copy
	[[ $stderr == *'destination: create takes '*' ms (median): async'* ]]
	same_tree src back/copy
	mount_passfs back/copy from "delay=10000,timeout=60"
	run -0 --separate-stderr us -v from again
	[[ $stderr == *'source: open takes '*' ms (median): async'* ]]
	same_tree src again
}

@test "a slow source is read by more than there were workers" {
	small_tree back 24 16
	mount_passfs back mnt "delay=10000,timeout=60,counts=$T/counts"
	run -0 --separate-stderr us -v --stats mnt copy
	[[ $stderr == *', because calls are slow'* ]]
	[[ $output == *'Latency of source open: median '*', async'* ]]
	same_tree back copy
	end_passfs
	[ "$(peak open)" -gt 12 ]
	# What a file costs: a lookup, an open, a read and a close; the last look asks for nothing that the read changed.
	[ "$(calls lookup)" -le 450 ]
	[ "$(calls open)" -eq 384 ]
	[ "$(calls read)" -eq 384 ]
	[ "$(calls flush)" -eq 384 ]
	[ "$(calls getattr)" -le 30 ]
}

@test "with --jobs the calls that are slow go to the ring, and the workers stay as many" {
	small_tree src 24 16
	mount_passfs back mnt "delay=10000,timeout=60,counts=$T/counts"
	run -0 --separate-stderr us -j 2 -v --stats src mnt/copy
	[[ $stderr == *'jobs=2 '* ]]
	[[ $stderr != *', because calls are slow'* ]]
	same_tree src back/copy
	[[ $stderr != *'io_uring is not available'* ]] || skip 'no io_uring here'
	[[ $output == *'Latency of destination create: median '*', async'* ]]
	[[ $output == *'Latency of source open: median '*', inline'* ]]
	end_passfs
	[ "$(peak create)" -le 24 ]
	[ "$(peak flush)" -gt 2 ]
}

@test "modes that were asked for stay, however slow calls are" {
	small_tree src 12 8
	for mode in inline sync; do
		mount_passfs back mnt "delay=5000,timeout=60,counts=$T/counts"
		run -0 --separate-stderr us --io=$mode -j 3 -v --stats src mnt/$mode
		[[ $stderr == *"io=$mode "* ]]
		[[ $stderr != *', because calls are slow'* && $stderr != *': async'* ]]
		[[ $output == *'Latency of destination create: median '*', inline'* ]]
		end_passfs
		for op in lookup create write flush; do
			[ "$(peak $op)" -le 3 ]
		done
		rm counts
		same_tree src back/$mode
	done
}
