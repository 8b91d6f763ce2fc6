# shellcheck shell=bash
# Debian packages that Perilune is built and tested with, and how they get onto the machine.
# Sourced by ./run, ./test and .ci/run. `a|b` is met by either; a is what gets installed.

# shellcheck disable=SC2034 # the lists are read by those who source this file
packages_build=(
  gcc libc6-dev cmake ninja-build 'pkg-config|pkgconf'
  'libluajit2-5.1-dev|libluajit-5.1-dev' libuv1-dev libssl-dev zlib1g-dev
  libbrotli-dev libnghttp2-dev libsqlite3-dev
)
packages_test=(libcmocka-dev libpsl5 lua-busted)
packages_interop=(
  curl netcat-openbsd openssl python3 python3-prometheus-client python3-websockets
  haproxy nginx tinyproxy-bin squid microsocks dante-server libio-socket-socks-perl
  libprotocol-websocket-perl mosquitto mosquitto-clients libfaketime
  rabbitmq-server ejabberd erlang-base
)
packages_browser=(chromium fonts-dejavu-core mosquitto mosquitto-clients)
packages_bench=(haproxy libmosquitto-dev mosquitto nginx python3 wrk)
packages_package=(dpkg-dev lintian man-db systemd)
packages_fuzz=('clang|clang-14' libclang-rt-14-dev llvm)
packages_lint=(git clang-format lua-check lua5.1 clang-tidy shellcheck)
packages_npm=(ca-certificates nodejs npm)

# packages_missing PACKAGE...: prints what would have to be installed, one a line.
packages_missing() {
  local package name alternatives="${*//|/ }"
  local -A installed=()
  command -v dpkg-query >/dev/null || return 0
  # shellcheck disable=SC2086 # a list of words
  while read -r name; do
    installed[$name]=1
  done < <(dpkg-query -W -f='${Package} ${db:Status-Status}\n' $alternatives 2>/dev/null |
    sed -n 's/ installed$//p')
  for package in "$@"; do
    for name in ${package//|/ }; do
      [[ -n ${installed[$name]-} ]] && continue 2
    done
    printf '%s\n' "${package%%|*}"
  done
}

# packages_install PACKAGE...: installs what is missing; without root it says how, and fails.
packages_install() {
  local missing log
  mapfile -t missing < <(packages_missing "$@")
  ((${#missing[@]})) || return 0
  if ((EUID != 0)); then
    printf 'sudo apt-get install --no-install-recommends %s\n' "${missing[*]}" >&2
    return 1
  fi
  printf 'installing %s\n' "${missing[*]}" >&2
  log=$(mktemp)
  # The lists are fetched only when the packages cannot be had with those that are there.
  if ! apt_get install "${missing[@]}" >"$log" 2>&1 &&
    ! { apt_get update && apt_get install "${missing[@]}"; } >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

apt_get() {
  local action=$1
  shift
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 "$action" \
    --no-install-recommends "$@" </dev/null
}
