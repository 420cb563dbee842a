# SPDX-License-Identifier: MIT
# File systems whose operations fail: FUSE, through passfs.  What they answer is told once for each file, the exit code says so, what stands
# under its name is whole, and the next run completes the copy.
load ../lib

setup() {
	enter_test
	small_tree src 3 8
	head -c 700001 /dev/urandom >src/dir-1/large
	touch -d 2001-01-01 src/dir-*/* src/dir-* src
}

# failing DIR OPTIONS: DIR again at mnt, with the failures of OPTIONS.
failing() {
	mount_passfs "$1" mnt "timeout=1,$2"
}

# The failures are over: at mnt is DIR without them.
mend() {
	unmount_last
	mount_passfs "$1" mnt
}

# What stands in $1 under a name of src is what src has there.
all_whole() {
	local f
	while IFS= read -r -d '' f; do
		cmp "src/${f#"$1"/}" "$f" || return 1
	done < <(find "$1" -type f ! -name '.uring-sync.*' -print0)
}

# failed NR REASON: the last run has failed for NR files, has said so once for each, and for no other reason.
failed() {
	[ "$status" -eq 23 ] || { echo "exit $status: $output $stderr"; return 1; }
	[ "$(summary failed)" = "$1" ]
	[ "$(grep -c "$2" <<<"$stderr")" = "$1" ]
	[ "$(wc -l <<<"$stderr")" = "$1" ]
}

# stopped REASON: it has stopped for a reason that each file would meet.
stopped() {
	[ "$status" -eq 1 ] || { echo "exit $status: $output $stderr"; return 1; }
	[[ $stderr == *": $1" ]]
	[ "$(wc -l <<<"$stderr")" = 1 ]
	[[ $output == 'stopped: '* ]]
}

@test "a source whose files can't be read: chosen ones, one block of one, those from some time on" {
	failing src 'fail=read:EIO:file-[12]+'
	run --separate-stderr us -a mnt dst
	failed 6 'dir-[012]/file-[12]: read: Input/output error'
	all_whole dst
	mend src
	run -0 us -a mnt dst
	same_tree src dst
	rm -rf dst
	unmount_last
	failing src 'fail=read:EIO:large#500000+'
	run --separate-stderr us -a mnt dst
	failed 1 'dir-1/large: read: Input/output error'
	[ ! -e dst/dir-1/large ]
	mend src
	run -0 us -a mnt dst
	same_tree src dst
}

@test "a source that fails at other things: open, look, list" {
	failing src 'fail=open:EIO:file-3+;opendir:EIO:dir-2+;readdir:EIO:dir-0+'
	run --separate-stderr us -a --delete mnt dst
	[ "$status" -eq 23 ]
	[[ $stderr == *'dir-1/file-3: open: Input/output error'* ]]
	[[ $stderr == *'dir-2: open directory: Input/output error'* ]]
	[[ $stderr == *'dir-0: '*': Input/output error'* ]]
	[ "$(wc -l <<<"$stderr")" = 3 ]
	all_whole dst
	mend src
	run -0 us -a mnt dst
	same_tree src dst
	# What can't be listed is not what is not there.
	mend src
	unmount_last
	failing src 'fail=readdir:EIO:dir-0+;lookup:EIO:file-4+'
	run -23 us -a --delete mnt dst
	[ "$(summary deleted)" = '' ] || [ "$(summary deleted)" = 0 ]
	same_tree src dst
}

@test "a destination whose files can't be written, made or closed" {
	for rule in 'write:EIO:file-[12]+' 'create:EIO:file-[12]+' 'flush:EIO:file-[12]+'; do
		rm -rf back
		failing back "fail=$rule"
		run --separate-stderr us -a src mnt/copy
		failed 6 'dir-[012]/file-[12]: [a-z]*: Input/output error'
		all_whole back/copy
		no_temporaries back
		mend back
		run -0 us -a src mnt/copy
		same_tree src back/copy
		unmount_last
	done
}

@test "one that fails in the middle of a replacement keeps what it has" {
	mkdir back
	cp -a src back/copy
	for n in 0 1 2; do
		echo "an older version" >back/copy/dir-$n/file-1
	done
	cp -a back/copy old
	for rule in 'write:EIO+' 'flush:EIO+' 'rename:EIO+'; do
		failing back "fail=$rule"
		run -23 us -a src mnt/copy
		diff -r old/dir-1 back/copy/dir-1
		no_temporaries back
		unmount_last
	done
	mount_passfs back mnt
	run -0 us -a src mnt/copy
	same_tree src back/copy
}

@test "a destination that fills up, by bytes and by quota" {
	for option in 'space=300000:No space left on device' 'quota=300000:Disk quota exceeded'; do
		rm -rf back
		failing back "${option%%:*}"
		run --separate-stderr us -a src mnt/copy
		stopped "${option#*:}"
		all_whole back/copy
		no_temporaries back
		mend back
		run -0 us -a src mnt/copy
		same_tree src back/copy
		unmount_last
	done
}

@test "with --fsync, a disk that does not take it" {
	failing back 'fail=fsync:EIO+;fsyncdir:EIO+'
	run --separate-stderr us -a --fsync --resume=mnt/journal src mnt/copy
	# FUSE has no syncfs(2) of its own that fails; the journal's own sync does.
	[ "$status" -eq 23 ]
	[[ $stderr == *'mnt/journal: write journal: Input/output error' ]]
	mend back
	run -0 us -a --fsync --resume=mnt/journal src mnt/copy
	same_tree src back/copy
}

@test "what is stale once is fresh the next time" {
	for rule in lookup getattr open read; do
		failing src "fail=$rule:ESTALE:file-2;$rule:ESTALE:large"
		rm -rf dst
		run -0 us -a mnt dst
		same_tree src dst
		unmount_last
	done
	for rule in create write setattr mkdir; do
		rm -rf back
		failing back "fail=$rule:ESTALE"
		run -0 us -a src mnt/copy
		same_tree src back/copy
		unmount_last
	done
	# But not for ever.
	failing src 'fail=read:ESTALE:file-2+'
	rm -rf dst
	run --separate-stderr us -a mnt dst
	failed 3 'file-2: read: Stale file handle'
}

@test "short reads and writes, at each" {
	failing src 'direct,fail=read:short+'
	mount_passfs back mnt2 'timeout=1,direct,fail=write:short+'
	for args in '' '--chunk-size=4K' '--verify'; do
		rm -rf mnt2/copy # Not behind the kernel, which remembers the name for a while.
		# shellcheck disable=SC2086
		run -0 us -a $args mnt mnt2/copy
		same_tree src back/copy
	done
	run -0 us -a --checksum mnt mnt2/copy
	[ "$(summary files)" = 0 ]
	# Of a direct write on a ring that is short FUSE makes an EIO of its own; and a splice, or a read that was announced, goes by way
	# of the page cache, to which a short answer is the end of the file.
	rm -rf dst
	run -0 us -a --io=async mnt dst
	same_tree src dst
}

@test "operations that stall for a second" {
	failing src 'fail=read:stall:file-1;open:stall:file-2;lookup:stall:dir-1'
	mount_passfs back mnt2 'timeout=1,fail=write:stall:large;mkdir:stall;flush:stall:file-3'
	run -0 us -a mnt mnt2/copy
	same_tree src back/copy
}
