# SPDX-License-Identifier: MIT
# The emulated machine itself: what other tests here rely on.
load lib

setup() {
	enter_test
	need_vm
}

@test 'the output and the exit code of a script come back, and nothing else' {
	mkdir some
	echo contents >some/file
	run -7 --separate-stderr "$BATS_TEST_DIRNAME/run-vm" - some "$US_BIN" <<-'EOF'
		cat some/file
		uring-sync --quiet some copy
		cmp some/file copy/file && echo same
		printf 'not\r\nchanged\n'
		exit 7
	EOF
	[ "$output" = $'contents\nsame\nnot\r\nchanged' ]
	[ -z "$stderr" ]
}

@test 'a script that hangs, and a machine that dies, are failures' {
	run -124 --separate-stderr "$BATS_TEST_DIRNAME/run-vm" --limit 12 - <<<'echo begun; sleep 1000'
	[ "$output" = begun ]
	[[ $stderr == *'not finished after 12 seconds' ]]
	run -125 --separate-stderr "$BATS_TEST_DIRNAME/run-vm" - <<<'echo c >/proc/sysrq-trigger; sleep 1000'
	[[ $stderr == *'Kernel panic'* ]]
}

@test 'processors, nodes, memory and disks are those asked for' {
	run -0 vm --smp 4 --numa 2 --memory 768 --disk 64M --disk 32M - <<-'EOF'
		nproc
		cat /sys/devices/system/node/node0/cpulist /sys/devices/system/node/node1/cpulist
		cat /sys/block/nvme0n1/size /sys/block/nvme1n1/size
		awk '/MemTotal/ { print ($2 > 600000 && $2 < 786432) }' /proc/meminfo
	EOF
	[ "$output" = $'4\n0-1\n2-3\n131072\n65536\n1' ]
}

@test 'modules are loaded after those that they depend on: kernel TLS' {
	run -0 vm --modules 'cryptd crypto_simd gf128mul ghash-generic ctr gcm aesni-intel seqiv tls' - <<-'EOF'
		grep -c . /proc/net/tls_stat
		grep '^TlsTxSw' /proc/net/tls_stat
	EOF
	[ "${lines[0]}" -ge 10 ]
	[[ ${lines[1]} =~ ^TlsTxSw[[:space:]]+0$ ]]
	run -1 --separate-stderr "$BATS_TEST_DIRNAME/run-vm" --modules no-such-module - <<<true
	[[ $stderr == *'no module no-such-module' ]]
}
