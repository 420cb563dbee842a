# SPDX-License-Identifier: MIT
# Whole trees over kernel TLS: /proc/net/tls_stat counts the connections whose keys went to the kernel.
load lib

setup() {
	enter_test
	need_vm
}

@test 'whole trees go through kernel TLS, by splice and by a ring too, and /proc/net/tls_stat counts each connection' {
	run -0 vm --modules 'cryptd crypto_simd gf128mul ghash-generic ctr gcm aesni-intel seqiv tls' --smp 2 --memory 768 - \
		"$US_BIN" "$US_TOOLS"/{mkzoo,treecmp} <<-'EOF'
		umask 077
		uring-sync keygen >secret
		umask 022
		mkzoo -s zoo >made
		stat() { awk -v "name=$1" '$1 == name { print $2 }' /proc/net/tls_stat; }

		# transfer NAME PORT RECV-OPTIONS SEND-OPTION...: of $tree; both exit codes, and how many keys the kernel got for sending and receiving.
		transfer() {
			local name=$1 port=$2 options=$3 tx rx code tries=0
			shift 3
			tx=$(stat TlsTxSw) rx=$(stat TlsRxSw)
			uring-sync recv $name --listen 127.0.0.1:$port --one-shot --secret-file=secret -v $options >recv.out 2>&1 &
			while ! netstat -lnt 2>/dev/null | grep -q ":$port "; do
				tries=$((tries + 1))
				[ $tries -lt 100 ] || break
				sleep 0.1
			done
			URING_SYNC_FAULT_LOG=/vm/calls uring-sync send $tree 127.0.0.1:$port --secret-file=secret -v "$@" >send.out 2>&1
			code=$?
			wait $!
			echo "$name send $code recv $? tx $(($(stat TlsTxSw) - tx)) rx $(($(stat TlsRxSw) - rx))"
			treecmp $tree $name || cat send.out recv.out
			grep -h -i -o 'note: .*tls.*' send.out | head -n 1
		}

		# ways NAME PORT RECV-OPTIONS SEND-OPTION...: the same, and who makes the calls on the sockets; whether contents went from pipes to
		# the socket, and how often they were read out of one after all, where the build counts calls.
		ways() {
			rm -f calls
			transfer "$@"
			grep -h -o -e 'sent by splice' -e 'sends by .*' send.out recv.out
			if [ -e calls ]; then
				awk '{ nr[$1] = $2 } END { print "pipe", (nr["sendpipe"] >= 4), nr["readpipe"] + 0 }' calls
			else
				echo 'pipe not counted'
			fi
		}

		tree=zoo
		transfer on 7001 --ktls=on --ktls=on -j 2
		transfer auto 7002 --ktls=auto -j 1
		transfer off 7003 --ktls=off --ktls=off -j 2
		transfer plain 7004 --no-tls --no-tls -j 2

		# Room for one record in the sockets: all ways wait for some again and again, and TCP must hold nothing back.
		ip link set lo mtu 1500
		echo 4096 16384 16384 >/proc/sys/net/ipv4/tcp_wmem
		tree=mixed
		mkdir -p mixed/small
		for i in 1 2 3 4 5 6 7 8 9 10; do
			head -c $((i * 777)) /dev/urandom >mixed/small/$i
		done
		head -c 131072 /dev/urandom >mixed/least
		head -c 1500001 /dev/urandom >mixed/large
		ways splice 7005 --ktls=on --ktls=on -j 2 --splice
		ways uring 7006 '--ktls=on --uring' --ktls=on -j 2 --uring
		ways both 7007 --ktls=on --ktls=on -j 1 --uring --splice
		echo "errors $(stat TlsDecryptError)"
	EOF
	# Both ends are in this machine, and each hands over its sending keys; OpenSSL 3.0 keeps the receiving ones of TLS 1.3.
	[[ ${lines[0]} =~ ^'on send 0 recv 0 tx 4 rx '[024]$ ]]
	[[ ${lines[1]} == *'2 connections, TLS 1.3'*'sending by the kernel'* ]]
	[[ ${lines[2]} =~ ^'auto send 0 recv 0 tx 2 rx '[02]$ ]]
	[[ ${lines[3]} == *'1 connection, TLS 1.3'*'sending by the kernel'* ]]
	[ "${lines[4]}" = 'off send 0 recv 0 tx 0 rx 0' ]
	[[ ${lines[5]} == *'sending by OpenSSL, receiving by OpenSSL' ]]
	[ "${lines[6]}" = 'plain send 0 recv 0 tx 0 rx 0' ]
	[[ ${lines[7]} =~ ^'splice send 0 recv 0 tx 4 rx '[024]$ ]]
	[[ ${lines[8]} == *'sending by the kernel'* ]]
	[ "${lines[9]}" = 'sent by splice' ]
	[[ ${lines[10]} =~ ^'pipe '('1 0'|'not counted')$ ]]
	[[ ${lines[11]} =~ ^'uring send 0 recv 0 tx 4 rx '[024]$ ]]
	[[ ${lines[12]} == *'sending by the kernel'* ]]
	[ "${lines[13]}" = 'sends by the ring, receives by OpenSSL' ]
	[ "${lines[14]}" = 'sends by the ring, receives by OpenSSL' ]
	[[ ${lines[15]} =~ ^'pipe '('0 0'|'not counted')$ ]]
	[[ ${lines[16]} =~ ^'both send 0 recv 0 tx 2 rx '[02]$ ]]
	[[ ${lines[17]} == *'sending by the kernel'* ]]
	[ "${lines[18]}" = 'sent by splice' ]
	[ "${lines[19]}" = 'sends by the ring, receives by OpenSSL' ]
	[[ ${lines[20]} =~ ^'pipe '('1 0'|'not counted')$ ]]
	[ "${lines[21]}" = 'errors 0' ]
	[ "${#lines[@]}" -eq 22 ]
}
