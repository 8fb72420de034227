#!/bin/sh
# installed.sh - libkcp as it is installed: examples that know nothing else, as C and as C++, get back what they send.
#
#     installed.sh BUILD PREFIX LIBDIR VERSION    KT_SOURCE is the top of the sources, CC and CXX are compilers
set -eu

build=$1
prefix=$2
libdir=$3
version=$4
: "${CC:=cc}" "${CXX:=g++}"
for program in meson pkg-config "$CXX"; do
	if ! command -v "$program" >/dev/null; then
		echo "skipped: $program is not installed"
		exit 77
	fi
done

dir=$(mktemp -d)
root=$dir/root
server=
stop_server() {
	[ -z "$server" ] || kill "$server"
	server=
}
finish() {
	stop_server
	rm -rf "$dir"
}
trap finish EXIT

fail() {
	echo "$*" >&2
	exit 1
}

meson install -C "$build" --no-rebuild --tags devel,runtime --destdir "$root" >"$dir/log" 2>&1 ||
	fail "$(cat "$dir/log")"

# All that a program asks for is told by pkg-config.
package() {
	PKG_CONFIG_LIBDIR=$root$libdir/pkgconfig pkg-config --define-variable=prefix="$root$prefix" "$@" libkcp
}
[ "$(package --modversion)" = "$version" ] || fail "libkcp.pc: another version than $version"
cflags=$(package --cflags)
libs=$(package --libs)

mkdir "$dir/work"
cp "$KT_SOURCE"/lib/kcp/examples/* "$dir/work"
cd "$dir/work"

# Each header alone, as either language has it, and none that is our own business.
[ "$(cd "$root$prefix/include/kcp" && echo *)" = "kcp.h kcp_model.h kcp_reno.h" ] || fail "other headers than the public ones"
strict="-Wall -Wextra -Wpedantic -Werror"
for header in kcp.h kcp_model.h kcp_reno.h; do
	echo "#include <kcp/$header>" >alone.c
	$CC -std=c11 $strict -Wstrict-prototypes $cflags -fsyntax-only alone.c
	$CXX -std=c++11 $strict $cflags -fsyntax-only -x c++ alone.c
done

# as_c NAME PROGRAM ARGUMENT...
as_c() {
	name=$1
	out=$2
	shift 2
	$CC -std=gnu11 $strict $cflags "$name.c" -o "$out" "$@"
}
as_cxx() {
	$CXX -std=c++11 $strict $cflags -x c++ "$1.c" -x none -o "$2" $libs
}
as_c echo_server server_c $libs
as_c echo_client client_c $libs
as_cxx echo_server server_cxx
as_cxx echo_client client_cxx
as_c echo_client client_static "$root$libdir/libkcp.a"
# Not independent of its place, a program has copies of the controllers' structs, whose length so counts.
as_c echo_client client_fixed -fno-pie -no-pie $libs

needs() {
	readelf --dynamic "$1" | grep -q 'NEEDED.*\[libkcp\.so\.1\]'
}
needs client_c && needs client_cxx || fail "libkcp.so.1 is not what the examples are linked to"
if needs client_static; then fail "libkcp.a is not linked"; fi
if needs "$(find "$root" -type f -name kcptund)"; then fail "kcptund needs libkcp.so.1"; fi

# The program of kcp(3).
sed -n '/^#include <kcp/,/^\.Ed/ { /^\.Ed/d; s/\\e/\\/g; p }' "$KT_SOURCE/man/kcp.3" >page.c
as_c page page $libs

# Both ends lose a tenth of what they send.
export LD_LIBRARY_PATH="$root$libdir"
[ "$(./page)" = hello ] || fail "the program of kcp(3) says otherwise"
for kind in c cxx; do
	"./server_$kind" 0 10 >port &
	server=$!
	tries=0
	until [ -s port ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 100 ] || fail "server_$kind does not begin"
		sleep 0.1
	done
	clients=
	for client in c cxx static fixed; do
		"./client_$client" 127.0.0.1 "$(cat port)" 300000 10 >"told_$client" &
		clients="$clients $!"
	done
	for client in $clients; do
		wait "$client" || fail "a client of server_$kind: $(cat told_*)"
	done
	for client in c cxx static fixed; do
		grep -q "^300000 of 300000 bytes came back in .* intact$" "told_$client" || fail "$(cat "told_$client")"
		# Or nothing was lost, and nothing proved.
		grep -q ", [1-9][0-9]* of [0-9]* segments were sent again" "told_$client" || fail "$(cat "told_$client")"
	done
	stop_server
	rm port
done
