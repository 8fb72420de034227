# completions.bash - run by completions.sh: what bash offers for a line.

source "$KT_SOURCE/conf/completions/kcptund.bash"
source "$KT_SOURCE/conf/completions/kcptunctl.bash"

status=0

# What stands for a fault of the test itself.
compopt() { :; }

# expect WANTED WORD...: the last word is the one that is being completed.
expect() {
	local wanted=$1 function
	shift
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	COMPREPLY=()
	function=$(complete -p "$1" | sed 's/.*-F \([^ ]*\) .*/\1/')
	"$function" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
	if [[ "${COMPREPLY[*]}" != $wanted ]]; then
		echo "$*: '${COMPREPLY[*]}' is not '$wanted'"
		status=1
	fi
}

expect "status stats streams" kcptunctl st
expect "genkey" kcptunctl gen
expect "--json" kcptunctl --j
expect "home office" kcptunctl -s lab stats ""
expect "office" kcptunctl --json -s lab sessions o
expect "" kcptunctl stats ""
expect "home/1 home/22 home/1/3 home/22/5" kcptunctl -s lab close home
expect "home/22 home/22/5" kcptunctl -s lab close home/2
expect "home office" kcptunctl -s lab drain ""
expect "office" kcptunctl -s lab restart o
expect "warn" kcptunctl loglevel w
expect "" kcptunctl genkey ""
expect "help" kcptunctl he
expect "status stats streams" kcptunctl help st
touch "$KT_FOLDER/client.json" "$KT_FOLDER/client.txt"
expect "$KT_FOLDER/client.json" kcptunctl import "$KT_FOLDER/cl"

expect "client server" kcptund ""
expect "--config --control" kcptund --con
expect "$KT_FOLDER/client.txt" kcptund -c "$KT_FOLDER/client.t"
expect "-metrics -mode -mtu -memory -maxstreams" kcptund client -m
expect "-remoteaddr*" kcptund client -re
expect "" kcptund server -remote
expect "-snmplog -snmpperiod" kcptund server --snmp
expect "model" kcptund client -congestion m
expect "auto" kcptund server --copies a
expect "auto" kcptund client -mode a
expect "auto" kcptund client -sndwnd ""
expect "fast fast2 fast3" kcptund client -mode fa
expect "aes-128 aes-192 aes-128-gcm aes-256-gcm" kcptund server --crypt aes-

# All that the programs say of themselves is offered, and nothing else.
says() {
	"$1" --help | sed '/^Keys/,$d' | grep -oE -- '(^|[ ,])--?[A-Za-z]+' | tr -d ' ,' | sort -u | tr '\n' ' '
}
offers() {
	expect '*' "$1" -
	printf '%s\n' "${COMPREPLY[@]}" | sort -u | tr '\n' ' '
}
for program in kcptund kcptunctl; do
	if [[ $(says "$program") != "$(offers "$program")" ]]; then
		echo "$program says $(says "$program"), and $(offers "$program") is offered"
		status=1
	fi
done
exit "$status"
