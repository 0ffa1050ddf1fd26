#!/usr/bin/env bash
# run.sh [setup]: root tests on kernels and control groups that this machine has not.
#
# Compiles the tests listed in v2.txt, hybrid.txt and systemd.txt here, runs them
# in a small virtual machine, for the last with systemd as its first process, and
# exits 0 when all of them passed. The machine's software
# is in the folder vm of the project's shared files, ../shared/vm from the top
# of the tree; MYDOCKER_VM_DIR names another place. With `setup` it only fetches
# the machine's parts (about three minutes and one gigabyte, from Debian's
# packages). With names of lists it runs only those.
#
# Without the machine, or without its parts, every test is reported as skipped,
# by name and with the reason.
#
#   VM_TIMEOUT=900   seconds for each list: there is no acceleration, so allow
#                    ten to twenty-five times the usual
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
vm=${MYDOCKER_VM_DIR:-$top/../shared/vm}
parts=${MYDOCKER_VM:-$HOME/.cache/mydocker-vm}
limit=${VM_TIMEOUT:-900}
cd "$top" || exit 1

# missing says why the machine cannot run; nothing when it can.
missing() { # KERNEL INIT
	[ "$(id -u)" = 0 ] || { echo "needs root"; return; }
	[ -x "$vm/run" ] || { echo "there is no $vm/run"; return; }
	command -v qemu-system-x86_64 >/dev/null || { echo "qemu is not installed (test/vm/run.sh setup)"; return; }
	compgen -G "$parts/k/vmlinux-$1.*" >/dev/null && compgen -G "$parts/initrd-$1.*" >/dev/null ||
		{ echo "the kernel $1 is not there (test/vm/run.sh setup)"; return; }
	[ "$2" = none ] || [ -f "$parts/root-bookworm.erofs" ] || echo "a root with systemd is not there (test/vm/run.sh setup)"
}

if [ "${1:-}" = setup ]; then
	[ -z "$(missing 6.12 systemd)$(missing 6.1 none)" ] && exit 0
	[ -x "$vm/setup" ] || { echo "test/vm: there is no $vm/setup" >&2; exit 1; }
	SUITES=bookworm exec "$vm/setup"
fi

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
export CGO_ENABLED=0

# binary prints the path of a package's compiled tests.
binary() { # PACKAGE
	local out
	out=$work/$(echo "$1" | tr / _).test
	[ -f "$out" ] || go test -c -trimpath -o "$out" "./$1" >&2 || return 1
	echo "$out"
}

# one runs a list: each line is a package and a pattern of go test -run.
one() { # NAME CGROUP KERNEL [INIT]
	local list=$here/$1.txt init=${4:-none} host= why package pattern bin names count=0 status env
	why=$(missing "$3" "$init")
	[ "$init" = none ] || host=/host # there it is not the root
	env=$(printf '%s\n' "MYDOCKER_BIN=$host$MYDOCKER_BIN" "MYDOCKER_TEST_RUNTIME=$host$MYDOCKER_TEST_RUNTIME" MYDOCKER_TEST_CACHE=/scratch/cache)
	printf 'rc=0\n' >"$work/$1.sh"
	[ "$init" = none ] || printf 'useradd -m tester\n' >>"$work/$1.sh" # an ordinary user
	: >"$work/$1.names"
	while read -r package pattern; do
		case $package in '' | '#'*) continue ;; esac
		bin=$(binary "$package") || return 1
		names=$(cd "$package" && "$bin" -test.list "$pattern") || return 1
		[ -n "$names" ] || { echo "test/vm: $1.txt: no test of $package matches $pattern" >&2; return 1; }
		echo "$names" | sed "s,^,$package.," >>"$work/$1.names"
		printf 'cd %q && %q -test.v -test.timeout=%ds -test.run %q || rc=1\n' \
			"$host$top/$package" "$host$bin" "$((limit > 120 ? limit - 60 : limit))" "$pattern" >>"$work/$1.sh"
	done <"$list"
	printf 'exit $rc\n' >>"$work/$1.sh"
	count=$(wc -l <"$work/$1.names")
	[ "$count" -gt 0 ] || { echo "test/vm: $1.txt lists no test"; return 0; }
	if [ -n "$why" ]; then
		sed "s,.*,--- SKIP: vm/$1/& ($why)," "$work/$1.names"
		echo "test/vm: $1: 0 of $count tests run, $count skipped: $why"
		return 0
	fi
	echo "test/vm: $1: $count tests, control groups $2, kernel $3"
	CGROUP=$2 KERNEL=$3 INIT=$init TIMEOUT=$limit VMENV="$env" "$vm/run" "bash $host$work/$1.sh" | tr -d '\r' | tee "$work/$1.out"
	status=${PIPESTATUS[0]}
	[ "$status" = 124 ] && echo "test/vm: $1: not done after $limit seconds"
	[ "$status" = 125 ] && echo "test/vm: $1: the machine died"
	echo "test/vm: $1: $count tests, $(grep -c '^--- SKIP' "$work/$1.out") of them skipped, exit status $status"
	return "$status"
}

# The tests find a command that is compiled already, and keep what they make
# once on the machine's own disk.
if [ -z "${MYDOCKER_BIN:-}" ]; then
	MYDOCKER_BIN=$work/mydocker
	go build -trimpath -ldflags='-s -w' -o "$work/" ./cmd/mydocker ./cmd/mydocker-monitor || exit 1
fi
if [ -z "${MYDOCKER_TEST_RUNTIME:-}" ]; then
	MYDOCKER_TEST_RUNTIME=$work/mydocker-runtime
	go build -trimpath -ldflags='-s -w' -o "$work/" ./cmd/mydocker-runtime || exit 1
fi
rc=0
for list in ${*:-v2 hybrid systemd}; do
	case $list in
	v2) one v2 v2 6.12 ;;
	hybrid) one hybrid hybrid 6.1 ;;
	systemd) one systemd v2 6.12 systemd ;;
	*) echo "test/vm: there is no list $list" >&2; false ;;
	esac || rc=1
done
exit $rc
