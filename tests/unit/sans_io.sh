#!/bin/sh
# sans_io.sh - the library has no socket, file, clock, log, random number or loop: by what it links.
set -eu
archive=$1
bad=$(nm -u "$archive" | awk '{ print $NF }' | sort -u | grep -E -x \
	'socket|bind|connect|recv.*|send(to|msg|mmsg)?|read|write|open(at)?(64)?|fopen(64)?|fread|time|gettimeofday|clock_gettime|f?printf|__f?printf_chk|puts|putchar|perror|syslog|getrandom|getentropy|rand|random|RAND_.*|ev_.*|pthread_create' || true)
if [ -n "$bad" ]; then
	echo "lib/ uses what belongs to daemon/:"
	echo "$bad"
	exit 1
fi
state=$(size -A "$archive" | awk '$1 == ".data" || $1 == ".bss" { n += $2 } END { print n + 0 }')
if [ "$state" -ne 0 ]; then
	echo "lib/ has $state bytes of global state that can change:"
	nm "$archive" | awk '$2 ~ /^[bBdD]$/ { print $3 }' | sort -u
	exit 1
fi
