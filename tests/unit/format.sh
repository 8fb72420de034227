#!/bin/sh
# format.sh - every C file is laid out as .clang-format says.
#
# Other versions of clang-format lay some lines out differently, so that only Debian 12's is asked;
# without it the test is skipped, which exit status 77 says.
set -eu
cd "$KT_SOURCE"
version=$(clang-format --version 2>/dev/null | sed -n 's/.*version \([0-9]*\)\..*/\1/p')
if [ "$version" != 14 ]; then
	echo "clang-format is ${version:-missing}, not 14"
	exit 77
fi
if git rev-parse --git-dir >/dev/null 2>&1; then
	git ls-files -z --cached --others --exclude-standard -- '*.c' '*.h'
else
	find . -name 'build*' -prune -o -name '*.[ch]' -print0
fi | grep -zv '^\(\./\)\?tests/vectors/' | xargs -0r clang-format --dry-run -Werror
