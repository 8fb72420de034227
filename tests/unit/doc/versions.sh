#!/bin/sh
# versions.sh - the version of the program is that of the packages and of the news.
#
#     versions.sh KCPTUND    KT_SOURCE is the top of the sources
set -eu

version=$("$1" --version | sed -n '1s/^kcptund //p')
cd "$KT_SOURCE"
status=0

expect() {
	[ "$2" = "$version" ] || { echo "$1 has version '$2', not '$version'"; status=1; }
}

expect debian/changelog "$(sed -n '1s/^kcptund (\(.*\)-[^-]*) .*/\1/p' debian/changelog)"
expect contrib/openwrt/Makefile "$(sed -n 's/^PKG_VERSION:=//p' contrib/openwrt/Makefile)"
expect NEWS.md "$(sed -n 's/^## //p' NEWS.md | head -n 1)"
exit $status
