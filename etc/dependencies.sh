#!/bin/sh
# The Debian packages that Stage is built from, and the means to install them.
#
#   sh etc/dependencies.sh          what building and running need
#   sh etc/dependencies.sh test     that, and what the tests need
#   sh etc/dependencies.sh bench    that, and what Stage is measured beside
#   sh etc/dependencies.sh --list [test|bench]   names them, installs nothing
#
# Missing packages are installed where that is possible (root, or sudo without a
# password); otherwise they are named in one line to copy, and the exit code is 1.
set -eu

run='build-essential meson ninja-build pkg-config python3 netcat-openbsd
	libev-dev liburing-dev libmsgpack-dev libmsgpuck-dev libinih-dev liblua5.4-dev
	librocksdb-dev libpq-dev libxxhash-dev libseccomp-dev libssl-dev libuv1-dev libraft-dev'
test='libcmocka-dev libyajl-dev clang libclang-rt-14-dev redis-server postgresql iproute2 nftables valgrind'
bench='nats-server erlang-base'

list_only=no
if [ "${1:-}" = --list ]; then
	list_only=yes
	shift
fi
case "${1:-run}" in
run) packages=$run ;;
test) packages="$run $test" ;;
bench) packages="$run $test $bench" ;;
*)
	echo "usage: sh etc/dependencies.sh [--list] [run|test|bench]" >&2
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

# Debian 12's own libraft loses committed entries; the one of its backports does not.
raft_least=0.22
recent() {
	[ "$1" != libraft-dev ] || dpkg --compare-versions "$2" ge "$raft_least"
}

missing() {
	# shellcheck disable=SC2086
	{ dpkg-query -W -f '${db:Status-Status} ${Package} ${Version}\n' $packages 2>/dev/null || :; } |
		{
			have=' '
			while read -r status name version; do
				if [ "$status" = installed ] && recent "$name" "$version"; then have="$have$name "; fi
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
candidate() {
	apt-cache policy "$1" | sed -n 's/^  Candidate: //p'
}

# Backports are asked for where nothing else offers a recent libraft, from the mirror that
# the machine has already. apt takes nothing from them that is not asked for by name.
add_backports() {
	release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' |
		sed -n "s/ $release\$//p" | head -n 1)
	if [ -z "$release" ] || [ -z "$mirror" ]; then
		echo "etc/dependencies.sh: this machine's Debian mirror cannot be told" >&2
		return 1
	fi
	key=/usr/share/keyrings/debian-archive-keyring.gpg
	option=
	if [ -e "$key" ]; then option="[signed-by=$key] "; fi
	echo "deb $option$mirror $release-backports main" |
		$as_root tee /etc/apt/sources.list.d/stage-backports.list >/dev/null
	apt update || cat "$log" >&2
}

raft_of_backports() {
	apt-cache madison libraft-dev | while read -r _ _ version _ _ suite _; do
		case "$suite" in
		*-backports/*) if recent libraft-dev "$version"; then echo "$suite"; fi ;;
		esac
	done | head -n 1
}

apt update || cat "$log" >&2 # one dead mirror among several need not matter
case " $wanted " in
*' libraft-dev '*)
	if ! recent libraft-dev "$(candidate libraft-dev)"; then
		[ -n "$(raft_of_backports)" ] || add_backports || :
		suite=$(raft_of_backports)
		if [ -z "$suite" ] || ! apt install --no-install-recommends -t "${suite%%/*}" libraft-dev; then
			echo "etc/dependencies.sh: Stage needs libraft-dev $raft_least or newer, and none is to be had; Debian 12 has it in bookworm-backports" >&2
			rm -f "$log"
			exit 1
		fi
		wanted=$(missing)
	fi
	;;
esac
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
