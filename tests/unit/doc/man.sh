#!/bin/sh
# man.sh - the manual pages have no faults that mandoc(1) can find.
#
#     man.sh PAGE...
if ! command -v mandoc >/dev/null; then
	echo "skipped: mandoc is not installed"
	exit 77
fi
status=0
for page in "$@"; do
	mandoc -T lint -W warning "$page" || status=1
	# What nobody can see may be what nobody wrote.
	[ "$(mandoc -T utf8 "$page" | wc -l)" -gt 100 ] || { echo "$page is short"; status=1; }
done
exit "$status"
