#!/bin/sh
# docs.sh - the documentation says what the table of keys says, and tells of all commands, options and functions.
#
#     docs.sh KCPTUN-DOC KCPTUND KCPTUNCTL    KT_SOURCE is the top of the sources
set -eu

doc=$1
kcptund=$2
kcptunctl=$3
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

# A page has an item for each of the words on stdin, led by a macro.
tells() {
	page=$1
	macro=$2
	count=0
	while read -r word; do
		count=$((count + 1))
		# Fl takes the first dash off, and one more is written as \-
		written=$(printf %s "$word" | sed 's/^-/\\\\-/')
		if ! grep -q "^\.It.* $macro \(.* \)*$written\( \|$\)" "$KT_SOURCE/man/$page"; then
			echo "$page says nothing of $word" >&2
			status=1
		fi
	done
	[ "$count" -gt 2 ] || { echo "no words to look for in $page" >&2; status=1; }
}

commands() {
	"$kcptunctl" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'
}

# "--config" -> "-config"
options() {
	"$1" --help | sed '/^Keys/,$d' | grep -o -- '--[a-z]*' | sed 's/^-//'
}

words=$(mktemp)
trap 'rm -f "$words"' EXIT
commands >"$words"
tells kcptunctl.1 Cm <"$words"
options "$kcptunctl" >"$words"
tells kcptunctl.1 Fl <"$words"
options "$kcptund" >"$words"
tells kcptund.8 Fl <"$words"

# What a page about keys names is a key.
"$doc" ini | sed -n 's/^;* *\([a-z-]*\) =.*/\1/p' | sort -u >"$words"
named=$(grep -o '\bIc [a-z][a-z-]*' "$KT_SOURCE/man/kcptund-migrating.7" | cut -c4- | sort -u)
[ "$(echo "$named" | wc -l)" -gt 15 ] || { echo "no keys to look for in kcptund-migrating.7" >&2; status=1; }
for word in $named; do
	grep -qx -- "$word" "$words" || { echo "kcptund-migrating.7 tells of $word, which is no key" >&2; status=1; }
done

# The tool and its manual agree on how long a log level lasts.
lasts="until the next start, or a reload with another"
for told in "$(cat "$KT_SOURCE/man/kcptunctl.1")" "$("$kcptunctl" help loglevel)"; do
	if ! printf %s "$told" | tr '\n' ' ' | grep -q "$lasts"; then
		echo "not everybody says that a log level is so $lasts loglevel" >&2
		status=1
	fi
done

# Who builds it for himself is told all that it takes until the unit runs.
if [ -f "$KT_SOURCE/README.md" ]; then
	for word in "systemctl daemon-reload" "systemctl enable --now kcptund"; do
		if ! grep -q "$word" "$KT_SOURCE/README.md"; then
			echo "README.md says nothing of $word" >&2
			status=1
		fi
	done
fi

# kcp(3) has what libkcp shows, in its synopsis and in its text.
sed -n 's/^\t\(kcp_[a-z_]*\);$/\1/p' "$KT_SOURCE/lib/kcp/libkcp.map" >"$words"
[ "$(wc -l <"$words")" -gt 20 ] || { echo "no functions to look for in kcp.3" >&2; status=1; }
part() {
	sed -n "/^\.Sh $1/,/^\.Sh $2/p" "$KT_SOURCE/man/kcp.3"
}
while read -r word; do
	if ! part SYNOPSIS DESCRIPTION | grep -q "^\.\(F[no]\|Vt extern const struct kcp_cc\) $word\b" ||
		! part DESCRIPTION EXAMPLES | grep -q "^\.\(Fn\|Va\) $word\b"; then
		echo "kcp.3 says nothing of $word" >&2
		status=1
	fi
done <"$words"
exit "$status"
