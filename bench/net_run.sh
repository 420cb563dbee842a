# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154  # variables shared with the files beside it
#
# One copy over loopback by each of the programs, and the servers that they need, each on a free port of loopback: nothing of the
# machine's own is touched.

SERVERS=()
SSH='' RSYNCD_PORT='' RECEIVER='' RELAY='' PORT='' OPTIONS=()

# In raw, after row, who, wall, cpu and RSS of the sender: that of the receiver.
PEER_RSS=6

# One direction's delay of the row delay.
DELAY_MS=50

# A port of loopback that no one listens on.
free_port()
{
	perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport'
}

# Start sshd and an rsync daemon for this run.
start_servers()
{
	local keys=$DIR/net port _
	rm -rf "$keys"
	mkdir -m 700 "$keys"
	mkdir -p /run/sshd
	port=$(free_port)
	ssh-keygen -qt ed25519 -N '' -f "$keys/host"
	ssh-keygen -qt ed25519 -N '' -f "$keys/user"
	/usr/sbin/sshd -D -o "Port=$port" -o ListenAddress=127.0.0.1 -o "HostKey=$keys/host" -o PidFile=none -o UsePAM=no \
		-o "AuthorizedKeysFile=$keys/user.pub" -o StrictModes=no -o PermitRootLogin=yes -f /dev/null 8>&- 9>&- &
	SERVERS+=($!)
	RSYNCD_PORT=$(free_port)
	printf 'use chroot = no\nuid = 0\ngid = 0\n[dst]\npath = %s\nread only = no\n' "$DIR/dst" >"$keys/rsyncd.conf"
	rsync --daemon --no-detach --address=127.0.0.1 --port="$RSYNCD_PORT" --config="$keys/rsyncd.conf" 8>&- 9>&- &
	SERVERS+=($!)
	(umask 077 && "$BINARY" keygen >"$keys/secret") || die "cannot make a secret"
	SSH="ssh -p $port -i $keys/user -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
	for _ in $(seq 100); do
		$SSH 127.0.0.1 true 2>/dev/null </dev/null && return 0
		sleep 0.1
	done
	die "sshd does not answer"
}

stop_relay()
{
	if [ -n "$RELAY" ]; then
		kill "$RELAY"
		wait "$RELAY" 2>/dev/null
	fi
	RELAY=
}

# Stop all that is still there.
stop_servers()
{
	[ -z "$RECEIVER" ] || SERVERS+=("$RECEIVER")
	stop_relay
	[ ${#SERVERS[@]} -eq 0 ] || kill "${SERVERS[@]}" 2>/dev/null
	wait
	rm -rf "$DIR/net"
}

# Wait until FILE tells a port, and print it: a line that begins with the text PREFIX, and ends with the port.
wait_port()
{
	local file=$1 prefix=$2 port='' _
	for _ in $(seq 500); do
		port=$(sed -n "s/^$prefix\([0-9]*\)\$/\1/p" "$file")
		[ -z "$port" ] || break
		sleep 0.02
	done
	[ -n "$port" ] || die "nobody listens: $(cat "$file")"
	echo "$port"
}

# Start the receiver of BINARY, with further OPTIONS, and what lies between it and its sender; then PORT is where to send to.
start_recv()
{
	local binary=$1 delay=$2
	shift 2
	"$BIN/measure" "$DIR/measured.recv" "$binary" recv -a "$DIR/dst/out" --listen 127.0.0.1:0 --one-shot \
		--secret-file "$DIR/net/secret" "$@" >"$DIR/stdout.recv" 2>"$DIR/stderr" 8>&- 9>&- &
	RECEIVER=$!
	PORT=$(wait_port "$DIR/stdout.recv" 'listening on .*:') || exit 1
	[ "$delay" -ge 0 ] || return 0
	"$BIN/relay" "$PORT" "$delay" >"$DIR/stdout.relay" 8>&- 9>&- &
	RELAY=$!
	PORT=$(wait_port "$DIR/stdout.relay" '') || exit 1
}

# The sender of BINARY, in the place of this process.
send()
{
	local binary=$1
	shift
	exec "$BIN/measure" "$DIR/measured" "$binary" send -a "$SRC" "127.0.0.1:$PORT" --secret-file "$DIR/net/secret" "$@" \
		>"$DIR/stdout" 2>>"$DIR/stderr" 8>&- 9>&-
}

# tar to tar over one TCP connection, by perl on both ends.
send_tar()
{
	tar -cf - -C "$SRC" . | perl -MIO::Socket::INET -e '
		my ($s, $b);
		for (1 .. 500) { last if $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $ARGV[0]); select(undef, undef, undef, 0.01) }
		while (sysread(STDIN, $b, 262144)) { my $o = 0; while ($o < length $b) { $o += syswrite($s, $b, length($b) - $o, $o) } }' \
		"$PORT"
}

start_recv_tar()
{
	mkdir "$DIR/dst/out"
	PORT=$(free_port)
	perl -MIO::Socket::INET -e '
		my $l = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1", LocalPort => $ARGV[0]) or die;
		my $c = $l->accept; my $b;
		while (sysread($c, $b, 262144)) { syswrite(STDOUT, $b) }' "$PORT" | tar -xf - -C "$DIR/dst/out" &
	RECEIVER=$!
}

# set_options WHO WORK: what our program is given on both sides, in OPTIONS.
set_options()
{
	OPTIONS=()
	case $1:$2 in
	plain:* | *:clear | *:warm | *:tmpfs) OPTIONS+=(--no-tls) ;;
	esac
	[ "$1" != uring ] || OPTIONS+=(--uring)
}

# What is not timed: start the receiver of WHO.
start_who()
{
	local delay=-1
	[ "$2" != delay ] || delay=$DELAY_MS
	case $1 in
	ours | plain | uring | splice) start_recv "$BINARY" "$delay" "${OPTIONS[@]}" ;;
	vs) start_recv "$VS" "$delay" "${OPTIONS[@]}" ;;
	near) start_recv "$BINARY" 0 ;;
	tar) start_recv_tar ;;
	esac
}

# What is.
send_who()
{
	case $1 in
	ours | near | plain | uring) send "$BINARY" "${OPTIONS[@]}" ;;
	splice) send "$BINARY" "${OPTIONS[@]}" --splice ;;
	vs) send "$VS" "${OPTIONS[@]}" ;;
	rsync-ssh) exec rsync -a -e "$SSH" "$SRC/" "127.0.0.1:$DIR/dst/out/" ;;
	rsyncd) exec rsync -a "$SRC/" "rsync://127.0.0.1:$RSYNCD_PORT/dst/out/" ;;
	tar) send_tar ;;
	esac
}

# Seconds that all processors have been at work so far.
busy()
{
	awk -v hz="$(getconf CLK_TCK)" '$1 == "cpu" {print ($2 + $3 + $4 + $7 + $8) / hz}' /proc/stat
}

# run_one ROW WHO WORK [MKFS-OPTION]...: one run of one program, added to the raw figures.
run_one()
{
	local row=$1 who=$2 work=$3 status=0 cache=cold fs=ext4 begin end cpu got
	shift 3
	case $work in
	warm) cache=warm ;;
	tmpfs) cache=warm fs=tmpfs ;;
	esac
	lock
	fresh_dst "$fs" "$@"
	set_options "$who" "$work"
	[ "$work" != again ] || rsync -a "$SRC/" "$DIR/dst/out/" || die "cannot prepare the destination"
	rm -f "$DIR/measured" "$DIR/measured.recv"
	start_who "$who" "$work"
	set_cache "$cache" "$SRC"
	cpu=$(busy)
	begin=$(date +%s%N)
	interruptible send_who "$who" || status=$?
	[ -z "$RECEIVER" ] || wait "$RECEIVER" || status=$?
	RECEIVER=
	end=$(date +%s%N)
	case $work in
	clear | warm | tmpfs) cpu=$(awk '{sum += $2 + $3} END {print sum}' "$DIR/measured" "$DIR/measured.recv") ;;
	*) cpu=$(awk -v now="$(busy)" -v then="$cpu" 'BEGIN {print now - then}') ;;
	esac
	stop_relay
	got=$(tree_sum "$DIR/dst/out" 2>/dev/null)
	unmount "$DIR/dst"
	unlock
	is_whole "$row" "$who" "$status" "$got" "$SUM" || return 1
	awk -v head="$row $who" -v ns=$((end - begin)) -v cpu="$cpu" -v rss="$(peak "$DIR/measured") $(peak "$DIR/measured.recv")" \
		'BEGIN {printf "%s %.3f %.3f %s\n", head, ns / 1e9, cpu, rss}' >>"$DIR/raw"
}

# The peak KiB in a file of measure's; 0 where there is none.
peak()
{
	[ -f "$1" ] && cut -d' ' -f4 "$1" || echo 0
}
