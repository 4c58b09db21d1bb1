#!/bin/sh
# From a fresh checkout to a running server.
#
#   sh etc/quickstart.sh [STAGE-OPTION…]   builds and starts it, until Ctrl-C
#   sh etc/quickstart.sh --demo            builds and holds a conversation with it
#
# Missing Debian packages are installed, or named where that is not possible. The server
# keeps everything in var/ of this directory. The demo uses a temporary directory and free
# ports, so that it runs beside any server; it exits 0 only if all of it went as printed.
set -eu
cd "$(dirname "$0")/.."
root=$(pwd)

demo=no
case "${1:-}" in
--demo) demo=yes ;;
-h | --help)
	sed -n '2,9s/^# \{0,1\}//p' etc/quickstart.sh
	exit 0
	;;
esac

sh etc/dependencies.sh run

log=build.log
quietly() {
	if ! "$@" >"$log" 2>&1; then
		cat "$log" >&2
		rm -f "$log"
		echo "quickstart: $1 failed" >&2
		exit 1
	fi
	rm -f "$log"
}
if [ ! -f build/build.ninja ]; then
	echo "setting up build/"
	rm -rf build
	quietly meson setup build
	echo "building; this takes a minute the first time"
fi
quietly ninja -C build

if [ "$demo" = yes ]; then
	exec python3 -B tests/scenario/play.py --build build --narrate etc/demo.dialogue
fi

mkdir -p var
if [ ! -f var/stage.ini ]; then
	# A Unix socket's path has at most 107 bytes; a deep checkout takes another directory.
	runtime="$root/var/run"
	if [ ${#runtime} -gt 90 ]; then runtime=$(mktemp -d); fi
	cat >var/stage.ini <<EOF
; Made by etc/quickstart.sh; etc/stage.ini lists all there is to set.
[node]
state = $root/var/state
runtime = $runtime

[actors]
path = $root/etc/actors
EOF
fi

stagectl="build/stagectl/stagectl -c var/stage.ini"
build/supervisor/stage -c var/stage.ini "$@" &
stage=$!
trap 'kill -TERM "$stage" 2>/dev/null || :' INT TERM HUP

# Asks until it answers, or is gone.
until $stagectl status >/dev/null 2>&1; do
	if ! kill -0 "$stage" 2>/dev/null; then
		wait "$stage" && code=0 || code=$?
		echo "quickstart: stage exited with $code; its log above says why" >&2
		exit "$code"
	fi
	sleep 0.1
done
port=$($stagectl --json status | sed -n 's/.*"client": *"[^"]*:\([0-9][0-9]*\)".*/\1/p' | head -n 1)

cat <<EOF

Stage is running, with the actors of etc/actors. In another terminal, type:

  nc 127.0.0.1 ${port:-51463}
  1 get players.42 *
  2 watch players.42 hp,dead
  3 call players.42 attack [10]

and in a third, to see the watch above receive an event:

  nc 127.0.0.1 ${port:-51463}
  1 call players.42 attack [20]

  $stagectl status        what is running
  $stagectl inspect players.42
  $stagectl reload        after you changed a file in etc/actors

Ctrl-C stops it; the players are back at the next start.

EOF

# wait returns early for the signal that the trap passes on: wait again for the end.
while kill -0 "$stage" 2>/dev/null; do
	wait "$stage" && code=0 || code=$?
done
exit "${code:-0}"
