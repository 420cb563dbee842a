# SPDX-License-Identifier: MIT
# Modes are the source's, whatever the umask, the directory and the destination say.
load lib

setup() {
	enter_test
	mkdir src src/d0700 src/d0777 src/d0555
	for mode in 0400 0600 0644 0666 0755 0777; do
		printf '%s' $mode >src/f$mode
		chmod $mode src/f$mode
	done
	chmod 0700 src/d0700
	chmod 0777 src/d0777
	chmod 0555 src/d0555
	chmod 0775 src
}

@test "umask 077 takes nothing away" {
	umask 077
	run -0 us src dst
	umask 022
	same_tree src dst
}

@test "umask 000 adds nothing" {
	umask 000
	run -0 us src dst
	umask 022
	same_tree src dst
}

@test "umask 777 takes nothing away" {
	umask 777
	run -0 us src dst
	umask 022
	same_tree src dst
}

@test "parents that are made follow the umask" {
	umask 027
	run -0 us src x/y/dst
	umask 022
	[ "$(mode_of x)" = 750 ]
	[ "$(mode_of x/y)" = 750 ]
	same_tree src x/y/dst
}

@test "a default ACL of the destination does not widen or narrow a mode" {
	mkdir dst
	setfacl -d -m u::rwx,g::rwx,o::rwx,u:65534:rwx dst 2>/dev/null || skip 'no ACLs on this file system'
	run -0 us src dst
	[ "$(mode_of dst/f0600)" = 600 ]
	[ "$(mode_of dst/f0755)" = 755 ]
	[ "$(mode_of dst/d0700)" = 700 ]
	same_tree src dst
}

@test "a narrow default ACL of the destination does not take rights away" {
	mkdir dst
	setfacl -d -m u::r,g::-,o::- dst 2>/dev/null || skip 'no ACLs on this file system'
	run -0 us src dst
	same_tree src dst
}

@test "setgid on the destination directory is not taken over by what is copied into it" {
	mkdir dst
	chmod 2775 dst
	run -0 us src dst
	[ "$(mode_of dst/d0777)" = 777 ]
	[ "$(mode_of dst/f0755)" = 755 ]
}

@test "sticky is kept, on a directory" {
	chmod 1777 src/d0777
	run -0 us src dst
	[ "$(mode_of dst/d0777)" = 1777 ]
}

@test "setuid and setgid are kept when the owner is the same" {
	printf x >src/suid
	chmod 6755 src/suid
	chmod 2755 src/d0777
	run -0 us src dst
	[ "$(mode_of dst/suid)" = 6755 ]
	[ "$(mode_of dst/d0777)" = 2755 ]
	# And over a file that is there.
	run -0 us src dst
	[ "$(mode_of dst/suid)" = 6755 ]
}

@test "setuid and setgid are dropped when the owner is not the same" {
	need_root
	printf x >src/suid
	chown 65534:65534 src/suid
	chmod 6755 src/suid
	run -0 us src dst
	[ "$(stat -c '%a %u' dst/suid)" = '755 0' ]
}

@test "a file is never wider than its source while it is copied" {
	need_fault
	# The program stops in the middle: what it made so far must not be open to others.
	umask 000
	head -c 3000000 /dev/zero >secret
	chmod 0600 secret
	mkdir s
	mv secret s
	chmod 0700 s
	run us_fault 'write:EIO+' s dst
	umask 022
	[ "$(mode_of dst)" = 700 ]
	[ -z "$(find dst -type f -perm /077)" ]
}

@test "a read-only root is copied again by an ordinary user" {
	need_user
	as_user mkdir ro
	as_user sh -c 'printf x >ro/f; chmod 0555 ro'
	run -0 us_user ro there
	run -0 us_user ro there
	[ "$(stat -c %a there)" = 555 ]
}

@test "setgid of a directory is dropped when the group is not the same" {
	[ "$(id -u)" -eq 0 ] || skip 'needs root to change groups'
	mkdir -p tree/in
	chgrp 1234 tree tree/in
	chmod 2775 tree tree/in
	run -0 us tree dst
	[ "$(stat -c %a dst)" = 775 ]
	[ "$(stat -c %a dst/in)" = 775 ]
}

@test "set-id bits that cannot be looked after are a failure, not a silence" {
	mkdir tree
	printf x >tree/f
	chmod 4755 tree/f
	local seen=no
	for n in 1 2 3 4 5 6 7 8 9 10; do
		rm -rf dst
		run us_fault "statx:EIO@$n" -j 1 --io=sync tree dst
		if [ "$status" -eq 0 ]; then
			[ "$(stat -c %a dst/f)" = 4755 ]
		else
			seen=yes
		fi
	done
	[ $seen = yes ]
}
