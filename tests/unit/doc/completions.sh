#!/bin/sh
# completions.sh - the completions are loaded by the shells, and offer what the programs take.
#
#     completions.sh bash|zsh KCPTUND KCPTUNCTL    KT_SOURCE is the top of the sources
set -eu

shell=$1
if ! command -v "$shell" >/dev/null; then
	echo "skipped: $shell is not installed"
	exit 77
fi
kcptund=$(realpath "$2")
kcptunctl=$(realpath "$3")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM
mkdir "$folder/bin"
ln -s "$kcptund" "$folder/bin/kcptund"

# A daemon with two tunnels answers on the socket "lab", and none on others.
cat >"$folder/bin/kcptunctl" <<END
#!/bin/sh
case "\$*" in
"-s lab --json status") echo '{"type":"status","tunnels":[{"tunnel":"home","role":"client"},{"tunnel":"office"}]}' ;;
"-s lab --json sessions") echo '{"sessions":[{"session":"home/1","tunnel":"home"},{"session":"home/22"}]}' ;;
"-s lab --json streams") echo '{"streams":[{"stream":"home/1/3","session":"home/1"},{"stream":"home/22/5"}]}' ;;
*--json*) exit 3 ;;
*) exec "$kcptunctl" "\$@" ;;
esac
END
chmod +x "$folder/bin/kcptunctl"
export PATH="$folder/bin:$PATH" KT_FOLDER="$folder"
"$shell" "$KT_SOURCE/tests/unit/doc/completions.$shell"
