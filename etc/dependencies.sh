#!/bin/sh
# The Debian packages that Stage is built from, and the means to install them.
#
#   sh etc/dependencies.sh          what building and running need
#   sh etc/dependencies.sh test     that, and what the tests need
#   sh etc/dependencies.sh --list [test]   names them, installs nothing
#
# Missing packages are installed where that is possible (root, or sudo without a
# password); otherwise they are named in one line to copy, and the exit code is 1.
set -eu

run='build-essential meson ninja-build pkg-config python3 netcat-openbsd
	libev-dev libmsgpack-dev libmsgpuck-dev libinih-dev liblua5.4-dev
	librocksdb-dev libpq-dev libxxhash-dev libseccomp-dev'
test='libcmocka-dev libyajl-dev clang libclang-rt-14-dev redis-server postgresql'

list_only=no
if [ "${1:-}" = --list ]; then
	list_only=yes
	shift
fi
case "${1:-run}" in
run) packages=$run ;;
test) packages="$run $test" ;;
*)
	echo "usage: sh etc/dependencies.sh [--list] [run|test]" >&2
	exit 64
	;;
esac

if [ "$list_only" = yes ]; then
	# shellcheck disable=SC2086 # one word is one package
	printf '%s\n' $packages
	exit 0
fi

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "etc/dependencies.sh: this is no Debian; please provide what these packages hold:" >&2
	# shellcheck disable=SC2086
	echo "  " $packages >&2
	exit 1
fi

missing() {
	# shellcheck disable=SC2086
	{ dpkg-query -W -f '${db:Status-Status} ${Package}\n' $packages 2>/dev/null || :; } |
		{
			have=' '
			while read -r status name; do
				if [ "$status" = installed ]; then have="$have$name "; fi
			done
			for name in $packages; do
				case "$have" in *" $name "*) ;; *) printf '%s ' "$name" ;; esac
			done
		}
}

wanted=$(missing)
[ -n "$wanted" ] || exit 0

if [ "$(id -u)" = 0 ]; then
	as_root=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
	as_root='sudo -n'
else
	echo "Stage needs some packages that are not installed. Please run:" >&2
	echo "  sudo apt-get install --no-install-recommends $wanted" >&2
	exit 1
fi

echo "installing $wanted" >&2

# Debian starts a service as soon as its package is installed. Only programs are
# wanted here, so whoever asks is told no while this runs (unless the machine has a
# policy of its own, which then holds).
policy=/usr/sbin/policy-rc.d
ours=no
give_back() {
	if [ "$ours" = yes ]; then $as_root rm -f "$policy"; fi
}
trap give_back EXIT
trap 'exit 1' HUP INT TERM
if [ ! -e "$policy" ]; then
	ours=yes
	printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
	$as_root chmod 755 "$policy"
fi

# Nor is a database wanted that would start at every boot: the server's package makes one
# unless it finds this setting. A setting that is there already is whoever's it is.
clusters=/etc/postgresql-common/createcluster.conf
case " $wanted " in
*' postgresql '*)
	if [ ! -e "$clusters" ]; then
		$as_root mkdir -p "${clusters%/*}"
		printf 'create_main_cluster = false\n' | $as_root tee "$clusters" >/dev/null
	fi
	;;
esac

log=$(mktemp)
apt() {
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
		-o Dpkg::Use-Pty=0 -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 \
		"$@" </dev/null >"$log" 2>&1
}
apt update || cat "$log" >&2 # one dead mirror among several need not matter
# shellcheck disable=SC2086
if ! apt install --no-install-recommends $wanted; then
	cat "$log" >&2
	rm -f "$log"
	echo "etc/dependencies.sh: apt-get failed; wanted: $wanted" >&2
	exit 1
fi
rm -f "$log"

# So that the package's unit, enabled by its installation, does not start at boot either.
case " $wanted " in
*' redis-server '*)
	if [ -d /run/systemd/system ]; then
		$as_root systemctl disable --quiet --now redis-server 2>/dev/null || :
	fi
	;;
esac

wanted=$(missing)
if [ -n "$wanted" ]; then
	echo "etc/dependencies.sh: still missing after the installation: $wanted" >&2
	exit 1
fi
