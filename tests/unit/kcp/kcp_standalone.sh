#!/bin/sh
# kcp_standalone.sh - kcp.c and kcp.h alone, in a folder of their own, compile strictly and work.
set -eu
source=${KT_SOURCE:-$(dirname "$0")/../../..}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cp "$source/lib/kcp/kcp.c" "$source/lib/kcp/kcp.h" "$source/tests/unit/kcp/kcp_standalone.c" "$dir"
cd "$dir"
${CC:-cc} -std=c11 -Wall -Wextra -Werror -O1 kcp.c kcp_standalone.c -o transfer
./transfer
# Nothing but memory comes from outside: no clock, no socket, no file.
${CC:-cc} -std=c11 -O1 -c kcp.c -o kcp.o
if nm -u kcp.o | grep -E ' (socket|send.*|recv.*|time|clock_gettime|gettimeofday|.*printf|getrandom|rand|open|read|write)$'; then
	echo "kcp.c reaches outside" >&2
	exit 1
fi
