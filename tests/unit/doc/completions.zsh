# completions.zsh - run by completions.sh: what zsh offers for a line.

# A shell for people, in a terminal of its own.
zmodload zsh/zpty
zpty shell "HOME=$KT_FOLDER TERM=dumb COLUMNS=200 LINES=60 zsh -f -i"
zpty -w shell "PS1= RPS1= PS2="
zpty -w shell "fpath=($KT_SOURCE/conf/completions \$fpath)"
zpty -w shell "autoload -Uz compinit && compinit -u -D && unsetopt list_beep && LISTMAX=0"
zpty -w shell "zstyle ':completion:*' list-colors ''"
zpty -w shell "bindkey '^I' list-choices; print rea''dy \$_comps[kcptund] \$_comps[kcptunctl]"

integer faults=0
seen=

# Read until there is `$1` in what was seen or nothing comes for 10 seconds.
wait_for() {
	local part
	integer rounds

	for (( rounds = 0; rounds < 200; rounds++ )); do
		while zpty -r -t shell part; do
			seen+=$part
		done
		[[ $seen != *$~1* ]] || return 0
		sleep 0.05
	done
	print -r -- "no '$1' in: $seen"
	(( faults++ ))
	return 1
}

# expect LINE WORD...: all of these words are offered for the line.
expect() {
	local line=$1 word
	shift
	seen=
	zpty -w -n shell "$line"$'\t'
	for word; do
		wait_for "*$word*" || print -r -- "for: $line"
	done
	zpty -w -n shell $'\x15'
	seen=
	zpty -w shell "print do''ne"
	wait_for '*done*'
}

wait_for '*ready _kcptund _kcptunctl*'
expect "kcptunctl st" streams
expect "kcptunctl s" "sessions with their peers, rates, round trips, losses" "what runs, and how it is"
expect "kcptunctl lo" "log error, warn, info or debug messages"
expect "kcptunctl -s lab stats " office
expect "kcptunctl -s lab restart " office
expect "kcptunctl -s lab close home/22/" home/22/5
expect "kcptunctl loglevel " warn
expect "kcptunctl help lo" "log error, warn, info or debug messages"
expect "kcptund client -mt" mtu "bytes of the largest datagram; what the path takes is found out, up to that"
expect "kcptund client -ke" "KCPTUN_KEY if it is not given; without both, "
expect "kcptund client -mode f" fast3
expect "kcptund client -mode a" auto
expect "kcptund server -rcvwnd " auto
expect "kcptund client -congestion " model
expect "kcptund server -crypt aes-" aes-256-gcm "between two kcptund only"
expect "kcptund --con" control
expect "kcptund --" config control dump test verbose help version
zpty -d shell
exit $(( faults > 0 ))
