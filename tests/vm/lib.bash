# SPDX-License-Identifier: MIT
# What the tests in an emulated machine share, besides what the command tests do.
load ../cli/lib

# Skip the file's tests where no machine can be emulated: for setup().
need_vm() {
	local why
	[ -z "${US_ARGS:-}" ] || skip 'runs once, in each I/O mode by itself'
	why=$("$BATS_TEST_DIRNAME/run-vm" --can 2>&1 >/dev/null) || skip "$why"
}

# run-vm with the script from standard input: vm [OPTION...] - [FILE...].  A failed one shows the end of the kernel's messages.
vm() {
	local code=0
	"$BATS_TEST_DIRNAME/run-vm" --log "$T/kernel.log" "$@" || code=$?
	[ $code -eq 0 ] || tail -n 30 "$T/kernel.log" | sed 's/^/# /'
	return $code
}
