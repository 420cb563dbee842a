# SPDX-License-Identifier: MIT
# From and to NFS 4.2: a server and its client in one emulated machine.
load lib

setup() {
	enter_test
	need_vm
}

# A machine with all that these need.
nfs_vm() {
	local mkfs
	mkfs=$(PATH=$PATH:/usr/sbin:/sbin command -v mkfs.ext4) || skip 'no mkfs.ext4'
	vm --modules 'nfsd nfsv4' --smp 2 --memory 1024 --disk 512M "$@" - "$US_BIN" "$US_TOOLS"/{mkzoo,treecmp} "$mkfs" \
		"$BATS_TEST_DIRNAME/nfs-loopback"
}

@test 'the whole zoo goes to NFS and comes back in each mode' {
	run -0 nfs_vm <<-'EOF'
		set -e
		. nfs-loopback
		nfs_disk /dev/nvme0n1
		mkzoo -s /disk/zoo >made
		for io in inline async sync; do
			uring-sync --quiet --io=$io /disk/zoo /mnt/$io
			# What the server's file system has, and not what the client believes.
			treecmp /disk/zoo /disk/srv/$io
			uring-sync --quiet --io=$io /mnt/$io /disk/back-$io
			treecmp /disk/zoo /disk/back-$io
			uring-sync --io=$io /disk/zoo /mnt/$io | grep -o '^0 files.* unchanged, 0 failed' | cut -d, -f1,5-
		done
		uring-sync --quiet --verify /mnt/inline /mnt/again
		treecmp /disk/zoo /disk/srv/again
		cut -d' ' -f1-3 made
		# From NFS names are the order; within one mount the server copies what is large, and no data come here.
		mkdir /mnt/from
		head -c 1000001 /dev/urandom >/mnt/from/large
		head -c 9000 /dev/urandom >/mnt/from/small
		sync
		before="$(nfs_calls READ) $(nfs_calls WRITE)"
		uring-sync -v --stats --large=64K /mnt/from /mnt/to >stats 2>notes
		cmp /disk/srv/from/large /disk/srv/to/large
		cmp /disk/srv/from/small /disk/srv/to/small
		grep -o 'order=name for NFS' notes
		grep -o 'large files: copy_file_range' notes
		sed -n 's/^Listings by name: /by name /p; s/^Files by copy_file_range: /by the server /p' stats
		[ $(nfs_calls COPY) -gt 0 ] && echo 'COPY was asked for'
		echo "$(($(nfs_calls READ) - ${before% *})) $(($(nfs_calls WRITE) - ${before#* }))"
		for way in rw cfr splice; do
			for order in auto inode extent name none; do
				uring-sync --quiet --copy=$way --order=$order --large=64K -I /mnt/from /mnt/to
			done
			treecmp /disk/srv/from /disk/srv/to
		done
	EOF
	[ "${lines[*]:4:5}" = 'order=name for NFS large files: copy_file_range by name 1 by the server 1 COPY was asked for' ]
	# What is small is read and written.
	[[ ${lines[9]} = [01]' 1' ]]
	[ "${#lines[@]}" -eq 10 ]
	read -r files _ links <<<"${lines[3]}"
	for line in 0 1 2; do
		[ "${lines[line]}" = "0 files, $((files + links)) unchanged, 0 failed" ]
	done
}

@test '-a keeps all that NFS does, and says what it does not' {
	run -0 nfs_vm <<-'EOF'
		set -e
		. nfs-loopback
		nfs_disk /dev/nvme0n1
		mkzoo -a -s /disk/zoo >made
		uring-sync --quiet -a /disk/zoo /mnt/copy 2>warnings
		cut -d: -f2,4- warnings
		# Owners, set-id bits, special files, hard links, holes, user attributes: all but other attributes and ACLs.
		treecmp -OXH /disk/zoo /disk/srv/copy >differences || true
		grep -c . differences
		grep -cE 'attribute (trusted\.|security\.|system\.posix_acl_)' differences
		[ "$(du -sk /disk/srv/copy/holes | cut -f1)" -lt 200 ]
		# The other way, and within the server.
		uring-sync --quiet -a /mnt/copy /disk/back
		treecmp -OXH /disk/srv/copy /disk/back
		[ "$(du -sk /disk/back/holes | cut -f1)" -lt 200 ]
		uring-sync --quiet -a /mnt/copy /mnt/again
		treecmp -OXH /disk/srv/copy /disk/srv/again
	EOF
	[ "${lines[0]}" = ' warning: extended attributes could not be kept (6 entries; this is the first): Operation not supported' ]
	[ "${lines[1]}" = ' warning: ACL could not be kept (6 entries; this is the first): Operation not supported' ]
	[ "${#lines[@]}" -eq 4 ]
	[ "${lines[2]}" -eq "${lines[3]}" ]
}

@test 'what the server refuses is reported, also when it does so late' {
	run -0 nfs_vm <<-'EOF'
		. nfs-loopback
		mkdir /srv
		mount -t tmpfs -o size=3M none /srv
		nfs_serve /srv
		nfs_mount /mnt
		mkdir source
		for i in $(seq 1 40); do
			head -c 200000 /dev/urandom >source/$i
		done
		# The client takes all that is written; that the server is full comes out when a file is closed.
		for io in inline async sync; do
			uring-sync --io=$io source /mnt/copy >summary 2>errors
			echo "full: $? $(grep -c 'No space left on device' errors)"
			# .nfs*: what the client keeps of a file that is removed while its pages are still on the way.
			for file in $(ls /srv/copy); do
				cmp source/$file /srv/copy/$file
			done
			rm -rf /mnt/copy 2>rm-errors || true
		done
		mount -o remount,size=50M /srv
		# NFSEXP_ROOTSQUASH: root is nobody there.
		nfs_export /srv 9238
		mkdir -m 700 /srv/secret
		echo >/srv/file
		chmod 600 /srv/file
		uring-sync --quiet source /mnt/secret/copy 2>&1
		echo "squash: $?"
		uring-sync --quiet /mnt/file file 2>&1
		echo "squash: $?"
		# NFSEXP_READONLY
		nfs_export /srv 9235
		uring-sync --quiet source /mnt/new 2>&1
		echo "read-only: $?"
	EOF
	[ "$output" = "full: 1 1
full: 1 1
full: 1 1
uring-sync: /mnt/secret/copy: stat: Permission denied
squash: 1
uring-sync: /mnt/file: open: Permission denied
squash: 23
uring-sync: /mnt/new: make directory: Read-only file system
read-only: 1" ]
}
