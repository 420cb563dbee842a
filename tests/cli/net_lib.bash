# SPDX-License-Identifier: MIT
# What the tests of send and recv share, beside lib.bash.

RECV_PID=
OTHERS=()

# A secret of this test's, in key.
make_key() {
	us keygen >key
	chmod 600 key
}

# start_recv DST OPTION...: start a receiver on a free port of loopback ($LISTEN) and wait until it listens: PORT, RECV_PID.
# What it prints is in recv.out and recv.err.
start_recv() {
	local dst=$1 i
	shift
	: >"$T/recv.out"
	: >"$T/recv.err" # With --json it says so here.
	# shellcheck disable=SC2086 # several options in one variable
	"$US_BIN" recv ${US_ARGS:-} "$dst" --listen "${LISTEN:-127.0.0.1:0}" "$@" >"$T/recv.out" 2>"$T/recv.err" 3>&- &
	RECV_PID=$!
	PORT=
	for ((i = 0; i < 1000; i++)); do
		PORT=$(sed -n 's/^listening on .*:\([0-9]*\)$/\1/p' "$T/recv.out" "$T/recv.err")
		[ -z "$PORT" ] || return 0
		kill -0 "$RECV_PID" 2>/dev/null || break
		sleep 0.02
	done
	cat "$T/recv.err"
	return 1
}

# Wait until it ends by itself; its exit status is in status.  Not for run, whose shell is not its parent.
wait_recv() {
	local pid=$RECV_PID state i
	for ((i = 0; i < 1500; i++)); do
		{ read -r _ _ state _ <"/proc/$pid/stat"; } 2>/dev/null || break
		[ "$state" != Z ] || break
		sleep 0.02
	done
	status=0
	wait "$pid" || status=$?
	RECV_PID=
}

stop_recv() {
	[ -n "$RECV_PID" ] || return 0
	kill "$RECV_PID" 2>/dev/null || true
	wait "$RECV_PID" 2>/dev/null || true
	RECV_PID=
}

# One that accepts connections and says nothing: PORT.
silent_peer() {
	start_helper '
		use Socket;
		my $s;
		socket($s, PF_INET, SOCK_STREAM, 0) && bind($s, sockaddr_in(0, INADDR_LOOPBACK)) && listen($s, 64) or die;
		my ($port) = sockaddr_in(getsockname($s));
		print "$port\n";
		my @all;
		while (accept(my $c, $s)) { push @all, $c; }'
	PORT=$(<"$T/helper.out")
}

# crowd N PORT: so many connections that say nothing.
crowd() {
	start_helper '
		use Socket;
		my @all;
		for (1 .. '"$1"') {
			my $s;
			socket($s, PF_INET, SOCK_STREAM, 0) && connect($s, sockaddr_in('"$2"', INADDR_LOOPBACK)) or die;
			push @all, $s;
		}
		print "all\n";
		sleep 60;'
}

# relay ACTION DIRECTION BYTES: a relay to $PORT, at $RELAY, which does ACTION once so many bytes have gone in DIRECTION (up: to
# $PORT; down; or both, where those that have gone up count).  cut: it ends; kill: it kills the process whose number is in the file victim; stall: it reads no more in that direction;
# drip: it reads 20 bytes a second.  Until then nothing is changed.  The bytes that went up are in relay.count, once a connection
# has ended, and what was done is in relay.done.
relay() {
	rm -f "$T/relay.done" "$T/relay.count"
	start_helper "my (\$to, \$action, \$dir, \$limit) = ($PORT, '$1', '$2', $3);"'
		use Socket;
		use IO::Select;
		$SIG{PIPE} = "IGNORE";
		my ($s, %peer, %is, %n, $fired);
		my $counts = $dir eq "both" ? "up" : $dir;
		sub note { open(my $f, ">", $_[0]); print $f "$_[1]\n"; close($f); }
		sub fire {
			$fired = 1;
			# First, for whoever sees the effect looks for it.
			note("relay.done", $action);
			if ($action eq "kill") { open(my $f, "<", "victim"); kill("KILL", <$f>); }
			exit if $action eq "cut";
		}
		socket($s, PF_INET, SOCK_STREAM, 0) && bind($s, sockaddr_in(0, INADDR_LOOPBACK)) && listen($s, 64) or die;
		my ($port) = sockaddr_in(getsockname($s));
		print "$port\n";
		my $all = IO::Select->new($s);
		while (1) {
			my $slow = $fired && $action =~ /stall|drip/;
			my @from = grep { !$slow || $_ == $s || $dir !~ /^($is{$_}|both)$/ } $all->handles;
			my @ready = IO::Select->new(@from)->can_read($slow ? 0.05 : undef);
			# One byte of one connection, each time round.
			if ($slow && $action eq "drip") {
				push @ready, (grep { $_ != $s && $is{$_} eq $dir } $all->can_read(0))[0] // ();
				select(undef, undef, undef, 0.05);
			}
			for my $c (@ready) {
				if ($c == $s) {
					my ($in, $out);
					accept($in, $s) && socket($out, PF_INET, SOCK_STREAM, 0) &&
						connect($out, sockaddr_in($to, INADDR_LOOPBACK)) or next;
					($peer{$in}, $peer{$out}, $is{$in}, $is{$out}) = ($out, $in, "up", "down");
					$all->add($in, $out);
					next;
				}
				my ($d, $data) = ($is{$c}, "");
				my $most = $slow && $d eq $dir ? 1 : 65536;
				$most = $limit - $n{$d} if !$fired && $d eq $counts && $most > $limit - $n{$d};
				my $got = sysread($c, $data, $most);
				if (!$got) {
					shutdown($peer{$c}, 1);
					$all->remove($c);
					note("relay.count", $n{up} // 0);
					next;
				}
				$n{$d} += $got;
				# Both sides take what comes, so this may wait for them.
				while (length($data) > 0) {
					my $put = syswrite($peer{$c}, $data) or last;
					substr($data, 0, $put) = "";
				}
				fire() if !$fired && $n{$counts} >= $limit;
			}
		}'
	RELAY=$(<"$T/helper.out")
}

# Start a perl program and wait for its first line, in helper.out.
start_helper() {
	local i
	: >"$T/helper.out" # There may have been another one.
	perl -e '$| = 1;' -e "$1" >"$T/helper.out" 2>"$T/helper.err" 3>&- &
	OTHERS+=($!)
	for ((i = 0; i < 1000; i++)); do
		[ ! -s "$T/helper.out" ] || return 0
		sleep 0.02
	done
	cat "$T/helper.err"
	return 1
}

# The end of a test: the receiver, what else was started, and all of lib.bash's.
net_teardown() {
	local pid
	stop_recv
	for pid in "${OTHERS[@]}"; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	leave_test
}

teardown() {
	net_teardown
}

# Whether the program has a sanitizer in it, whose memory is not the program's.
is_sanitized() {
	grep -q __asan_init "$US_BIN"
}
