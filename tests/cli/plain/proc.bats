# SPDX-License-Identifier: MIT
# A system without /proc, which sanitizers can't do without.
load ../lib

@test "attributes that can't be read because there is no /proc are no vanished file" {
	need_root
	unshare -m true 2>/dev/null || skip 'no mount namespaces here'
	mkdir src
	printf x >src/f
	ln -s f src/l
	setfattr -h -n trusted.k -v v src/l 2>/dev/null || skip "no attributes of links here"
	covered() {
		# shellcheck disable=SC2016
		unshare -m sh -c 'mount -t tmpfs none /proc && exec "$@"' sh "$US_BIN" ${US_ARGS:-} "$@"
	}
	run -23 --separate-stderr covered -a src dst
	[ "$stderr" = 'uring-sync: src/l: read extended attributes by way of /proc: No such file or directory' ]
	[ "$(summary vanished)" = 0 ]
	cmp src/f dst/f
	run -0 covered src dst2
	same_tree src dst2
}
