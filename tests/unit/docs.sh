#!/bin/sh
# docs.sh - what tells of the keys says what the table of keys says.
#
#     docs.sh KCPTUN-DOC    KT_SOURCE is the top of the sources
set -eu

doc=$1
status=0

# Compare a file with what the table makes of it; $2... prints that.
same() {
	file=$1
	shift
	if ! "$@" | diff -u "$KT_SOURCE/$file" -; then
		echo "$file differs from the table of keys; make it with: $* > $file" >&2
		status=1
	fi
}

same conf/kcptun.ini "$doc" ini
# While somebody is still writing it, there is nothing to compare.
if [ -f "$KT_SOURCE/README.md" ]; then
	same README.md "$doc" readme "$KT_SOURCE/README.md"
fi
exit "$status"
