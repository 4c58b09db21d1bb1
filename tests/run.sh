#!/bin/sh
# Builds what the tests need and runs them.
#
#   sh tests/run.sh                     all tests
#   sh tests/run.sh scenario            one suite: lint unit scenario tour
#                                       service demo store fuzz fault cluster bench
#   sh tests/run.sh scenario watch      those of it with `watch` in their name
#
# The last line is `N passed, N failed` (and `, N skipped`); the exit code says the same.
set -eu
cd "$(dirname "$0")/.."

say() { printf '== %s\n' "$*"; }

# build DIRECTORY MESON-OPTION… : sets up once, builds what has changed, shows errors only.
build() {
	directory=$1
	shift
	log=$directory.log
	if [ ! -f "$directory/build.ninja" ]; then
		rm -rf "$directory"
		set -- meson setup -Dtests=enabled "$@" "$directory"
	elif [ -n "$(find . -name meson.build -newer "$directory/build.ninja" | head -n 1)" ]; then
		# A new folder of tests is not among the files that ninja looks at.
		set -- meson setup --reconfigure -Dtests=enabled "$@" "$directory"
	else
		set -- meson configure -Dtests=enabled "$@" "$directory"
	fi
	if ! "$@" >"$log" 2>&1 || ! ninja -C "$directory" >"$log" 2>&1; then
		grep -v '^\[[0-9]*/[0-9]*\] ' "$log" >&2 || cat "$log" >&2
		rm -f "$log"
		say "$directory does not build"
		return 1
	fi
	rm -f "$log"
}

# Which builds the chosen suites use; without a choice, all of them.
wants() {
	[ -n "$suites" ] || return 0
	for suite in $suites; do
		case " $1 " in *" $suite "*) return 0 ;; esac
	done
	return 1
}

suites=
for word; do
	case $word in
	lint | unit | scenario | tour | service | demo | store | fuzz | fault | cluster | bench) suites="$suites $word" ;;
	esac
done

sh etc/dependencies.sh test
unbuilt=
if wants 'demo fault cluster bench'; then
	say 'building the server (build/)'
	build build -Dbuildtype=debugoptimized || unbuilt="$unbuilt build"
fi
if wants 'unit scenario tour service store'; then
	say 'building with ASan and UBSan (build-san/)'
	build build-san -Dbuildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false ||
		unbuilt="$unbuilt build-san"
fi
if wants fuzz; then
	say 'building the fuzz targets (build-fuzz/)'
	CC=clang build build-fuzz -Dbuildtype=debugoptimized -Dfuzz=true -Db_lundef=false ||
		unbuilt="$unbuilt build-fuzz"
fi
if [ -n "$unbuilt" ]; then
	# Nothing ran, and whoever reads the last line should see that this is no success.
	echo "0 passed, 1 failed"
	exit 1
fi

exec python3 -B tests/runner "$@"
