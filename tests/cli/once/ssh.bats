#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Copies over ssh, to a server on loopback that is started here: its own configuration, keys and port.

load ../lib
load ../net_lib

setup_file() {
	local i
	export S=$BATS_FILE_TMPDIR WHY=
	command -v ssh ssh-keygen >/dev/null && [ -x /usr/sbin/sshd ] || WHY='no ssh or sshd here'
	[ -n "$WHY" ] || sshd_start || WHY=${WHY:-sshd does not start here}
}

teardown_file() {
	[ ! -s "$BATS_FILE_TMPDIR/pid" ] || kill "$(<"$BATS_FILE_TMPDIR/pid")" 2>/dev/null || true
}

sshd_start() {
	local try port
	ssh-keygen -q -t ed25519 -N '' -f "$S/host" && ssh-keygen -q -t ed25519 -N '' -f "$S/id" || return 1
	cp "$S/id.pub" "$S/authorized"
	chmod 600 "$S/authorized"
	# sshd's unprivileged half wants this place, which its service makes at boot.
	[ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
	for try in 1 2 3 4 5; do
		port=$((20000 + (RANDOM * 32768 + RANDOM) % 40000))
		cat >"$S/config" <<-END
			Port $port
			ListenAddress 127.0.0.1
			HostKey $S/host
			AuthorizedKeysFile $S/authorized
			PidFile none
			PasswordAuthentication no
			KbdInteractiveAuthentication no
			PubkeyAuthentication yes
			StrictModes no
			UsePAM no
			PermitRootLogin yes
		END
		/usr/sbin/sshd -D -e -f "$S/config" 2>"$S/log" 3>&- &
		echo $! >"$S/pid"
		for ((i = 0; i < 200; i++)); do
			grep -q 'Server listening' "$S/log" && break
			kill -0 "$(<"$S/pid")" 2>/dev/null || break
			sleep 0.02
		done
		if grep -q 'Server listening' "$S/log"; then
			cat >"$S/ssh" <<-END
				Host server
				  HostName 127.0.0.1
				  Port $port
				  User $(id -un)
				  IdentityFile $S/id
				  IdentitiesOnly yes
				  UserKnownHostsFile $S/known
				  StrictHostKeyChecking accept-new
				  BatchMode yes
			END
			ssh -F "$S/ssh" server true 2>>"$S/log" && return 0
			export WHY="this user cannot log in by ssh here: $(tail -n 1 "$S/log")"
			return 1
		fi
	done
	return 1
}

setup() {
	enter_test
	[ -z "$WHY" ] || skip "$WHY"
	small_tree src 3 5
}

# The program, with the server reached by its name.
us_ssh() {
	us -e "ssh -F $S/ssh" --remote-path="'$US_BIN'" "$@"
}

@test 'there and back' {
	run -0 --separate-stderr us_ssh -a src "server:$T/there"
	[ -z "$stderr" ] # The other end's, too.
	same_tree src there
	[[ $output == '15 files, 4 directories'* ]]
	run -0 --separate-stderr us_ssh -a "server:$T/there" back
	[ -z "$stderr" ]
	same_tree src back
	run -0 --separate-stderr us_ssh -a src "$(id -un)@server:$T/there"
	[[ $output == '0 files'*'15 unchanged'* ]]
	touch back/extra
	run -0 us_ssh -a "server:$T/there" back
	[ -e back/extra ]
	run -0 us_ssh -a --delete "server:$T/there" back
	same_tree src back
}

@test 'compressed, there and back: the other side is told when it sends' {
	local bytes
	seq 100000 >src/text
	bytes=$(stat -c %s src/text)
	run -0 --separate-stderr us_ssh -a -v --compress src "server:$T/there"
	same_tree src there
	[[ $stderr == *'compressed: '*' bytes were sent as '* ]]
	printf '#!/bin/sh\nssh -F "%s" "$@" | tee "%s"\n' "$S/ssh" "$T/wire" >tap
	chmod +x tap
	run -0 us -e ./tap --remote-path="'$US_BIN'" -a "server:$T/there" back
	same_tree src back
	[ "$(stat -c %s wire)" -gt "$bytes" ]
	run -0 us -e ./tap --remote-path="'$US_BIN'" -a --compress=5 "server:$T/there" again
	same_tree src again
	[ "$(stat -c %s wire)" -lt $((bytes / 2)) ]
}

@test '--checksum-file is written here, whichever side sends' {
	local sums
	sums=$(cd src && find . -type f -print0 | sort -z | xargs -0 sha256sum | sed 's,  \./,  ,' | sort)
	run -0 us_ssh -a --hash=sha256 --checksum-file=sent src "server:$T/there"
	[ "$(sort sent)" = "$sums" ]
	run -0 us_ssh -a --hash=sha256 --verify --checksum-file=got "server:$T/there" back
	[ "$(sort got)" = "$sums" ]
	same_tree src back
	run -0 us_ssh -a --hash=sha256 --checksum-file=got "server:$T/there" back
	[ "$(sort got)" = "$sums" ]
}

@test 'paths with blanks, quotes, newlines, a leading dash, wildcards; relative to home, and ~' {
	local name home
	for name in 'a b' "it's" $'two\nlines' '-n' '$HOME' '*' 'a"b' '`x`' 'a\b' 'a;b' $'\377' 'c:d'; do
		run -0 us_ssh src "server:$T/$name"
		same_tree src "$T/$name"
		run -0 us_ssh "server:$T/$name" "back"
		same_tree src back
		rm -r back "${T:?}/$name"
	done
	home=$(ssh -F "$S/ssh" server pwd)
	[ -w "$home" ] || skip 'the home directory can not be written to'
	name=uring-sync-test.$$
	run -0 us_ssh src "server:$name"
	same_tree src "$home/$name"
	run -0 us_ssh "server:~/$name" back
	same_tree src back
	rm -r "${home:?}/$name"
}

@test 'several sources; patterns and lists that are here; a dry run' {
	mkdir more
	echo x >more/x
	run -0 us_ssh --exclude 'file-1' src more "server:$T/many/"
	[ "$status" -eq 0 ] || { mkdir many; run -0 us_ssh --exclude 'file-1' src more "server:$T/many"; }
	[ -e many/src/dir-0/file-0 ] && [ ! -e many/src/dir-0/file-1 ] && [ -e many/more/x ]
	printf 'dir-0/file-2\ndir-1\n' >list
	run -0 us_ssh --files-from list "server:$T/src" listed
	[ -e listed/dir-0/file-2 ] && [ -e listed/dir-1/file-4 ] && [ ! -e listed/dir-2 ] && [ ! -e listed/dir-0/file-3 ]
	run -0 us_ssh -n src "server:$T/dry"
	[[ $output == *'dir-1/file-1'* ]]
	[ ! -e dry ]
}

@test 'a dry run says how many bytes there are to copy, whichever way they go' {
	local bytes
	bytes=$(cat src/*/* | wc -c)
	run -0 us_ssh -n src "server:$T/dry"
	[ "$(summary bytes)" -eq "$bytes" ]
	run -0 us_ssh -n "server:$T/src" dry
	[ "$(summary bytes)" -eq "$bytes" ]
	[ ! -e dry ]
}

@test 'what fails there is told here, with the exit status' {
	need_user
	mkdir open closed
	chmod 777 open
	chmod 0 src/dir-1/file-1
	run us_ssh "server:$T/nothing" back
	[ "$status" -eq 1 ]
	[[ $output == *'nothing'*'No such file or directory'* ]]
	if [ "$(id -u)" -ne 0 ]; then
		run -23 us_ssh "server:$T/src" back
		[[ $output == *'dir-1/file-1'*'Permission denied'* ]]
		[ -e back/dir-1/file-2 ]
	fi
}

# told_once TEXT...: each TEXT is in one line of stderr, where the other end's are, too, and that is all there are.
told_once() {
	local text
	for text; do
		[ "$(grep -cF -- "$text" <<<"$stderr")" -eq 1 ] || { echo "not once: $text in: $stderr"; return 1; }
	done
	[ "$(wc -l <<<"$stderr")" -eq $# ] || { echo "more: $stderr"; return 1; }
}

# us_there FAULT ARGS...: the same with a failure at the other end.
us_there() {
	us -e "ssh -F $S/ssh" --remote-path="URING_SYNC_FAULT=$1 '$US_BIN'" "${@:2}"
}

@test 'a failure is told once, whichever side it is on' {
	mkdir -p there/dir-0/file-1 back/dir-0/file-1
	run -23 --separate-stderr us_ssh src "server:$T/there"
	told_once "server:$T/there/dir-0/file-1: replace: Is a directory"
	run -23 --separate-stderr us_ssh "server:$T/src" back
	told_once "back/dir-0/file-1: replace: Is a directory"
}

@test 'what fails at the other end is in the log, in JSON and in the list of failures, whichever way it goes' {
	local end fault way
	need_fault
	mkdir -p there/dir-0/file-0
	for way in there back; do
		if [ $way = there ]; then
			set -- src "server:$T/there"
			end="server:$T/there/dir-0/file-0"
			fault=
		else
			set -- --copy=rw -j 1 --order=name "server:$T/src" back
			end="server:$T/src/dir-0/file-0"
			fault=read:EIO@1
		fi
		run -23 --separate-stderr us_there "$fault" --json --log-file=$way.log --failed-list=$way.failed "$@"
		told_once "$end: "
		[ "$(grep -c '"type":"failed"' <<<"$output")" -eq 1 ]
		[ "$(grep -c "\"path\":\"$end\",\"name\":\"dir-0/file-0\"" <<<"$output")" -eq 1 ]
		[ "$(grep -cF "$end: " $way.log)" -eq 1 ]
		[ "$(tr '\0' '\n' <$way.failed)" = dir-0/file-0 ]
	done
}

# user_ssh ARGS...: as an ordinary user, who has a shell "there" for ssh: some of src is closed to him.
user_ssh() {
	printf '#!/bin/sh\nshift\nexec sh -c "$*"\n' >rsh
	chmod 755 rsh
	mkdir -p open
	chmod 777 open
	us_user -e "$T/rsh" --remote-path="'$T/us'" --json --log-file=open/log --failed-list=open/failed "$@"
}

# failed_there NR: so many failures of the other end's, each told once, wherever that may be.
failed_there() {
	[ "$(grep -cF "server:$T/src/" <<<"$stderr")" -eq "$1" ]
	[ "$(grep -cF 'open: Permission denied' <<<"$stderr")" -eq "$1" ]
	[ "$(grep -c '"type":"failed"' <<<"$output")" -eq "$1" ]
	[ "$(grep -c "server:$T/src/.*: open: Permission denied" open/log)" -eq "$1" ]
	[ "$(tr '\0' '\n' <open/failed | sort -u | wc -l)" -eq "$1" ]
}

@test 'what fails at the other end is told like any other when that stops it' {
	need_user
	chmod 0 src/dir-[12]/file-?
	run -1 --separate-stderr user_ssh --max-errors=4 "server:$T/src" open/back
	failed_there 4
	[[ $stderr == *'the other side stopped: 4 entries failed, and no more are allowed' ]]
}

@test '--max-errors counts what fails on both sides, whichever way it goes' {
	local way
	need_user
	chmod 0 src/dir-1/file-[012]
	mkdir open
	chmod 777 open
	for way in there back; do
		as_user mkdir -p open/$way/dir-2/file-{0,1,2}
		set -- src "server:$T/open/$way"
		[ $way = there ] || set -- "server:$T/src" open/$way
		run -23 --separate-stderr user_ssh --max-errors=7 "$@"
		run -1 --separate-stderr user_ssh --max-errors=6 "$@"
		[ "$(grep -c 'open: Permission denied' <<<"$stderr")" -eq 3 ]
		[ "$(grep -c 'replace: Is a directory' <<<"$stderr")" -eq 3 ]
		[[ $stderr == *'6 entries failed, and no more are allowed' ]]
		[ "$(wc -l <<<"$stderr")" -eq 7 ]
	done
}

@test 'however much fails at the other end, all of it is told like any other' {
	local name dir=src/dir-0 i
	need_user
	name=$(printf '%0200d' 0)
	for ((i = 0; i < 15; i++)); do
		dir+=/$name
	done
	mkdir -p "$dir"
	(cd "$dir" && touch file-{0001..1500} && chmod 0 file-*)
	run -23 --separate-stderr user_ssh "server:$T/src" open/back
	failed_there 1500
	[ "$(wc -l <<<"$stderr")" -eq 1500 ]
}

@test 'what stops a copy is told once, before anything was copied, too' {
	mkdir -p there/dir-0/file-1 back/dir-0/file-1
	run -1 --separate-stderr us_ssh "server:$T/nothing" back
	told_once "server: the other side stopped: $T/nothing: stat: No such file or directory"
	run -1 --separate-stderr us_ssh src "server:/proc/none/there"
	told_once 'server: the other side stopped: /proc/none/there: make directory: No such file or directory'
	run -1 --separate-stderr us_ssh nothing "server:$T/there"
	told_once 'nothing: stat: No such file or directory'
	run -1 --separate-stderr us_ssh --max-errors=1 src "server:$T/there"
	told_once 'dir-0/file-1: replace: Is a directory' \
		'server: the other side stopped: 1 entry failed, and no more are allowed'
	run -1 --separate-stderr us_ssh --max-errors=1 "server:$T/src" back
	told_once 'back/dir-0/file-1: replace: Is a directory' 'uring-sync: 1 entry failed, and no more are allowed'
}

@test 'a failure is told once when the other side has it alone, at the end, or can not say it any more' {
	need_fault
	run -23 --separate-stderr us_there read:EIO@1 --copy=rw "server:$T/src" back
	told_once 'read: Input/output error'
	run -1 --separate-stderr us_there write:ENOSPC src "server:$T/full"
	told_once 'write: No space left on device'
	run -23 --separate-stderr us_there read:EIO@1 --verify src "server:$T/verified"
	told_once 'Input/output error'
	# HELLO, STARTED and that it wants the file are sent.
	mkdir -p one few/file
	echo x >one/file
	run -1 --separate-stderr us_there send:EIO@4+ one "server:$T/few"
	[ "$(grep -c 'few/file: replace: Is a directory' <<<"$stderr")" -eq 1 ]
	[[ $stderr == *'the other side: send: Input/output error'* ]]
}

@test 'no program there, another one, something printed before it' {
	run -1 --separate-stderr us -e "ssh -F $S/ssh" --remote-path=/nonexistent/uring-sync src "server:$T/dst"
	[[ $stderr == *"server: there is no uring-sync that can be run (--remote-path says where one is): '/nonexistent/uring-sync'"* ]]
	run -1 --separate-stderr us -e "ssh -F $S/ssh" --remote-path=/bin/false src "server:$T/dst"
	[[ $stderr == *'server: what was started there is no uring-sync of this version'* ]]
	run -1 --separate-stderr us -e "ssh -F $S/ssh" --remote-path="echo Welcome to this machine; '$US_BIN'" src "server:$T/dst"
	[[ $stderr == *"server: something else is printed there before uring-sync greets: 'Welcome"* ]]
	printf '#!/bin/sh\nprintf "usync-s1\\005\\000\\000\\0000.0.0"; cat >/dev/null\n' >old
	chmod 755 old
	run -1 --separate-stderr us -e "ssh -F $S/ssh" --remote-path="'$T/old'" src "server:$T/dst"
	[[ $stderr == *'server: uring-sync is version 0.0.0 there, and '*' here'* ]]
	[ ! -e dst ]
}

@test 'what ssh says itself comes through' {
	run -1 --separate-stderr us -e "ssh -F $S/ssh -p 1" src "server:$T/dst"
	[[ $stderr == *'Connection refused'*'server: ssh has failed'* ]]
	run -1 --separate-stderr us -e /nonexistent/ssh src "server:$T/dst"
	[[ $stderr == *"server: the program that reaches it can't be started: No such file or directory: '/nonexistent/ssh'"* ]]
}

@test '--chown of what comes from there: what it names is set, and without -a no other owner' {
	need_root
	chown -R 555:666 src
	run -0 --separate-stderr us_ssh --chown=12:34 "server:$T/src" back
	[ -z "$stderr" ]
	[ "$(find back -printf '%U:%G\n' | sort -u)" = 12:34 ]
	run -0 --separate-stderr us_ssh --chown=:777 "server:$T/src" group
	[ -z "$stderr" ]
	[ "$(find group -printf '%U:%G\n' | sort -u)" = "$(id -u):777" ]
	run -0 --separate-stderr us_ssh -a --chown=:777 "server:$T/src" all
	[ "$(find all -printf '%U:%G\n' | sort -u)" = 555:777 ]
}

@test 'operands that can not be' {
	local operands
	while read -r operands; do
		# shellcheck disable=SC2086
		run -2 --separate-stderr us $operands
		[ -n "$stderr" ]
	done <<-'END'
		src -- -oProxyCommand=touch:x
		-- -oProxyCommand=touch:x dst
		src me@-oProxyCommand=touch:x
		src host::module
		src rsync://host/module
		host:a other:b
		host:a src dst
		host:a other:b dst
		verify src host:a
		src dst -e ssh
		src dst --remote-path x
		src host:a --secret x
		src @host:a
		serve x
	END
	[ ! -e x ]
	run -2 us serve </dev/null
	[[ $output == *'this verb is for the other end of ssh only'* ]]
}

@test 'a file whose name has a colon is a file' {
	cp src/dir-0/file-0 a:b
	run -0 us ./a:b c
	cmp a:b c
	run -0 us "$T/a:b" "$T/d:e"
	cmp a:b d:e
}

@test 'a signal ends both ends' {
	local pid status=0 i
	mkfifo gate
	printf '#!/bin/sh\ncat "%s" >/dev/null\nexec "%s" "$@"\n' "$T/gate" "$US_BIN" >slow
	chmod 755 slow
	"$US_BIN" -e "ssh -F $S/ssh" --remote-path="'$T/slow'" src "server:$T/dst" >out 2>err 3>&- &
	pid=$!
	exec 4<>gate
	sleep 0.5
	kill -TERM $pid
	wait $pid || status=$?
	exec 4>&-
	[ $status -eq 143 ]
	[ ! -e dst ]
}
