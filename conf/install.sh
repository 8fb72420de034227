#!/bin/sh
# install.sh - put the configuration where it belongs, unless there is one already.
#
#     install.sh SAMPLE SYSCONFDIR SYSUSERS
#
# Run by `meson install`.  The keys are in there: only root may write it, only the group kcptun may
# read it.  Under DESTDIR users and groups are for the package's own scripts to make.
set -eu

sample=$1
dir=${DESTDIR:-}$2
sysusers=$3

at_home() {
	[ -z "${DESTDIR:-}" ] && [ "$(id -u)" = 0 ]
}

own() {
	if at_home && getent group kcptun >/dev/null; then
		chgrp kcptun "$1"
	fi
}

if at_home && command -v systemd-sysusers >/dev/null; then
	systemd-sysusers "$sysusers" || echo "the user kcptun could not be made"
fi
mkdir -p "$dir"
if [ ! -d "$dir/kcptun" ]; then
	mkdir -m 0750 "$dir/kcptun"
	own "$dir/kcptun"
fi
if [ -e "$dir/kcptun.ini" ] || [ -L "$dir/kcptun.ini" ]; then
	echo "$dir/kcptun.ini is there already: left as it is"
else
	install -m 0640 "$sample" "$dir/kcptun.ini"
	own "$dir/kcptun.ini"
fi
