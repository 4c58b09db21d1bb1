#!/bin/sh
# How Stage does beside redis-server: the whole table in one go, about four minutes.
#
#   sh tests/bench/compare.sh                  builds build-release/ and measures that
#   STAGE_BUILD=build sh tests/bench/compare.sh --rounds 1
#
# Options are table.py's.
set -eu
cd "$(dirname "$0")/../.."

if [ -z "${STAGE_BUILD:-}" ]; then
	STAGE_BUILD=build-release
	if [ ! -f "$STAGE_BUILD/build.ninja" ]; then
		meson setup -Dbuildtype=release -Db_lto=true -Dtests=disabled "$STAGE_BUILD" >&2
	fi
	ninja -C "$STAGE_BUILD" >&2
fi
export STAGE_BUILD
exec python3 -B tests/bench/table.py "$@"
