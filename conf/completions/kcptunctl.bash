# kcptunctl.bash - completes the command line of kcptunctl(1) in bash.

_kcptunctl_commands() {
	"$1" --help 2>/dev/null | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'
}

# Names that the daemon knows: the member $1 of the rows of command $2, if it can be reached.
_kcptunctl_names() {
	local member=$1 command=$2

	shift 2
	"$@" --json "$command" 2>/dev/null | grep -o "\"$member\": *\"[^\"]*\"" | cut -d'"' -f4
}

_kcptunctl_sockets() {
	local path

	for path in /run/kcptun/*.sock; do
		[[ ! -S $path ]] || basename "$path" .sock
	done
}

_kcptunctl() {
	local program=$1 cur=$2 prev=$3 command= word i
	local -a ask=("$1")

	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		-s | --socket)
			ask+=(-s "${COMP_WORDS[i + 1]}")
			((i++))
			;;
		-w | --watch) ((i++)) ;;
		-*) ;;
		*) [[ -n $command ]] || command=$word ;;
		esac
	done
	case $prev in
	-s | --socket)
		compopt -o filenames
		COMPREPLY=($(compgen -W "$(_kcptunctl_sockets)" -- "$cur") $(compgen -f -- "$cur"))
		return
		;;
	-w | --watch) return ;;
	esac
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "-s --socket -j --json -p --prometheus -w --watch -a --all -h --help -V
			--version" -- "$cur"))
		return
	fi
	case $command in
	"") COMPREPLY=($(compgen -W "$(_kcptunctl_commands "$program")" -- "$cur")) ;;
	status | check | stats | sessions | streams | config | reset | drain | restart | top)
		COMPREPLY=($(compgen -W "$(_kcptunctl_names tunnel status "${ask[@]}")" -- "$cur"))
		;;
	close)
		COMPREPLY=($(compgen -W "$(_kcptunctl_names session sessions "${ask[@]}")
			$(_kcptunctl_names stream streams "${ask[@]}")" -- "$cur"))
		;;
	help) COMPREPLY=($(compgen -W "$(_kcptunctl_commands "$program")" -- "$cur")) ;;
	loglevel) COMPREPLY=($(compgen -W "error warn info debug" -- "$cur")) ;;
	import)
		compopt -o filenames
		COMPREPLY=($(compgen -f -X '!*.json' -- "$cur") $(compgen -d -- "$cur"))
		;;
	esac
}

complete -F _kcptunctl kcptunctl
