#!/bin/sh
# deps.sh - installs the Debian packages that are missing, for building ("build") or for all tests ("test").
set -eu

build="gcc libc6-dev pkg-config meson ninja-build python3 libev-dev libssl-dev libzstd-dev libinih-dev
	libisal-dev libsnappy-dev nettle-dev libc-ares-dev libjansson-dev libncurses-dev libcmocka-dev curl"
test="g++ clang clang-format libclang-rt-dev llvm kcptun shadowsocks-libev socat iperf3 iproute2
	mandoc zsh bash-completion tmux procps debootstrap systemd-container python3-prometheus-client
	lintian apparmor"

case "${1:-}" in
build) wanted=$build ;;
test) wanted="$build $test" ;;
*)
	echo "usage: deps.sh build|test" >&2
	exit 2
	;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "deps.sh: this is no Debian: install what corresponds to:" $wanted >&2
	exit 0
fi

missing=
for package in $wanted; do
	status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "deps.sh: missing:$missing; install them as root, or install sudo" >&2
		exit 1
	fi
	as_root=sudo
fi

echo "installing:$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for step in "update" "install -y --no-install-recommends $missing"; do
	# shellcheck disable=SC2086 # both are lists of words
	if ! $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q $step >"$log" 2>&1 </dev/null; then
		cat "$log" >&2
		echo "deps.sh: apt-get $step failed" >&2
		exit 1
	fi
done
