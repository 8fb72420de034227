# kcptund.bash - completes the command line of kcptund(8) in bash.

# What is there to say of flags and ciphers is asked from the program itself.
_kcptund_flags() {
	"$1" "$2" -help 2>/dev/null | sed -n 's/^  -\([A-Za-z][A-Za-z-]*\) .*/-\1/p'
}

_kcptund_ciphers() {
	"$1" --help 2>/dev/null | sed -n '/^Ciphers:/,$s/^  \([a-z0-9-]*\) .*/\1/p'
}

# One tunnel with kcptun's flags, with one dash or two.
_kcptund_tunnel() {
	local program=$1 role=$2 cur=$3 flag=${4#-}

	case ${flag#-} in
	crypt) COMPREPLY=($(compgen -W "$(_kcptund_ciphers "$program")" -- "$cur")) ;;
	mode) COMPREPLY=($(compgen -W "auto normal fast fast2 fast3 manual" -- "$cur")) ;;
	congestion) COMPREPLY=($(compgen -W "model reno none" -- "$cur")) ;;
	copies) COMPREPLY=($(compgen -W "auto 0 1 2 3" -- "$cur")) ;;
	sndwnd | rcvwnd | datashard | ds | parityshard | ps | conn) COMPREPLY=($(compgen -W "auto" -- "$cur")) ;;
	compression) COMPREPLY=($(compgen -W "auto snappy zstd none" -- "$cur")) ;;
	smuxver) COMPREPLY=($(compgen -W "auto 1 2" -- "$cur")) ;;
	loglevel) COMPREPLY=($(compgen -W "error warn info debug" -- "$cur")) ;;
	c | config | keyfile | log | snmplog | control)
		compopt -o filenames
		COMPREPLY=($(compgen -f -- "$cur"))
		;;
	*) [[ $cur != -* ]] || COMPREPLY=($(compgen -W "$(_kcptund_flags "$program" "$role")" -- "${cur/#--/-}")) ;;
	esac
}

_kcptund() {
	local program=$1 cur=$2 prev=$3

	COMPREPLY=()
	if ((COMP_CWORD > 1)) && [[ ${COMP_WORDS[1]} == client || ${COMP_WORDS[1]} == server ]]; then
		_kcptund_tunnel "$program" "${COMP_WORDS[1]}" "$cur" "$prev"
		return
	fi
	case $prev in
	-c | --config | --control)
		compopt -o filenames
		COMPREPLY=($(compgen -f -- "$cur"))
		return
		;;
	esac
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "-c --config --control -t --test -T --dump -v --verbose -h --help -V --version" -- "$cur"))
	elif ((COMP_CWORD == 1)); then
		COMPREPLY=($(compgen -W "client server" -- "$cur"))
	fi
}

complete -F _kcptund kcptund
