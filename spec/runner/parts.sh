# shellcheck shell=bash
# The parts of ./test, which sources this at the top of the checkout. Each prints its lines
# through report.sh and leaves its counts there.
: "${top:?}"
# shellcheck source=tools/packages.sh
source tools/packages.sh
# shellcheck source=spec/runner/report.sh
source spec/runner/report.sh

declare -A outcome=() # label of a step that other parts need too: 0 or 1

export CMOCKA_MESSAGE_OUTPUT=TAP
export PERILUNE_SLOW_HANDLER=0 # on a busy machine anybody is slow
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:atexit_sleep_ms=0

# Every node program of the tests runs in the node that spec/interop pins; npm in the system's own.
system_path=$PATH
PATH=$top/spec/interop/node_modules/.bin:$PATH

# packages_of PART: what has to be installed for it, one a line.
packages_of() {
  local packages=("${packages_build[@]}")
  case $1 in
  lint) packages+=("${packages_lint[@]}") ;;
  units | oom) packages+=("${packages_test[@]}") ;;
  specs | asan | tsan) packages+=("${packages_test[@]}" "${packages_interop[@]}") ;;
  browser) packages+=("${packages_test[@]}" "${packages_browser[@]}") ;;
  package) packages+=("${packages_test[@]}" "${packages_package[@]}") ;;
  fuzz) packages+=("${packages_fuzz[@]}") ;;
  bench) packages+=("${packages_bench[@]}") ;;
  esac
  if ! command -v npm >/dev/null; then
    packages+=("${packages_npm[@]}")
  fi
  printf '%s\n' "${packages[@]}"
}

# once LABEL SECONDS COMMAND...: a step that is done at most once, however many parts need it.
once() {
  local before=${failed[$part]-}
  if [[ -z ${outcome[$1]-} ]]; then
    step "$@"
    outcome[$1]=$((failed[$part] - before))
  fi
  return "${outcome[$1]}"
}

# build FOLDER TYPE [CMake settings...]
build() {
  once "build $2" 1200 tools/build "$1" "$2" all "${@:3}"
}

# node_modules FOLDER: installs what its lock file names, unless that is there.
node_modules() {
  local modules=spec/$1/node_modules
  cmp -s "spec/$1/package-lock.json" "$modules/.installed" && return
  once "npm ci in spec/$1" 600 env "PATH=$system_path" npm ci --prefix "spec/$1" || return
  if [[ $1 == interop ]]; then # npm 9 links no program of an optional package
    (cd "$modules/.bin" && ln -sf ../node-linux-*/bin/node node)
  fi
  cp "spec/$1/package-lock.json" "$modules/.installed"
}

# programs FOLDER PREFIX...: runs the C test programs of a build.
programs() {
  local prefix program
  for prefix in "${@:2}"; do
    for program in "$1/tests/$prefix"*; do
      [[ -x $program ]] && start tap "${program##*/}" 120 "$program"
    done
  done
  report
}

# specs FOLDER SECONDS: runs every spec inside the program of a build.
specs() {
  PERILUNE=$top/$1/perilune tap 'perilune test spec' "$2" "$1/perilune" test spec -o TAP
}

part_lint() {
  node_modules lint
  start check 'clang-format' 60 spec/lint/format_c
  start check 'stylua' 60 spec/lint/format_lua
  start check 'luacheck' 60 spec/lint/check_lua
  start check 'clang-tidy' 600 spec/lint/check_c
  start check 'shellcheck' 60 spec/lint/check_shell
  start tap 'the counting of tests' 60 spec/runner/report_test.sh
  start tap 'structure' 60 lua5.1 spec/lint/structure.lua
  report
}

part_units() {
  build build Release -DPL_TESTS=ON || return
  programs build unit_ session_
}

part_specs() {
  build build Release -DPL_TESTS=ON || return
  node_modules interop || return
  specs build 900
}

part_browser() {
  local tests
  build build Release -DPL_TESTS=ON || return
  node_modules interop || return
  node_modules browser || return
  mapfile -t tests < <(grep -ls 'node:test' spec/browser/*.mjs)
  ((${#tests[@]})) || return
  PERILUNE=$top/build/perilune tap 'chromium' 600 node --test --test-reporter=tap "${tests[@]}"
  WORKERS=2 PERILUNE=$top/build/perilune tap 'chromium, two workers' 600 \
    node --test --test-reporter=tap spec/browser/{chat,monitor,snapshots,grid}.test.mjs
}

# What is installed and packaged, and that it runs without the source tree.
part_package() {
  build build Release -DPL_TESTS=ON || return
  PERILUNE=$top/build/perilune tap 'install and package' 300 \
    build/perilune test spec/package -p package -o TAP
}

part_asan() {
  build build-asan Asan -DPL_TESTS=ON || return
  programs build-asan unit_ session_
  node_modules interop || return
  PEERS=1000 specs build-asan 1800
}

part_tsan() {
  build build-tsan Tsan -DPL_TESTS=ON || return
  programs build-tsan unit_net_ unit_worker_ session_group_
  node_modules interop || return
  PEERS=1000 specs build-tsan 1800
}

# Every target first reads its corpus, then looks for new inputs for 20 seconds.
part_fuzz() {
  local source name corpus program words found=build-fuzz/found
  build build-fuzz Fuzz -DCMAKE_C_COMPILER=clang || return
  mkdir -p "$found"
  for source in spec/fuzz/*_fuzz.c; do
    [[ -e $source ]] || return
    name=$(basename "$source" .c)
    corpus=spec/fuzz/corpus/${name%_fuzz}
    program=build-fuzz/fuzz/$name
    words=()
    [[ -e ${source%_fuzz.c}.dict ]] && words=("-dict=${source%_fuzz.c}.dict")
    mkdir -p "$work/$name"
    start check "$name: corpus" 120 "$program" -runs=0 -timeout=10 "$corpus"
    start check "$name: 20 s" 120 "$program" -max_total_time=20 -timeout=10 -print_final_stats=1 \
      "${words[@]}" "-artifact_prefix=$found/$name-" "$work/$name" "$corpus"
  done
  report
}

part_oom() {
  build build-asan Asan -DPL_TESTS=ON || return
  programs build-asan oom_
}

part_bench() {
  build build Release || return
  node_modules interop || return
  check 'echo' 1200 spec/bench/run
  output
  check 'forward' 600 spec/bench/forward
  output
  check 'mqtt' 600 spec/bench/mqtt
  check 'slow consumers' 300 taskset -c 1 node spec/bench/slow_consumers.mjs
  output
}
