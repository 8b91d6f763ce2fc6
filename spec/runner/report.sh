# shellcheck shell=bash
# Runs commands, counts their tests, prints one line each and the summary. Sourced by ./test.
#
# A command is of one of three kinds. `tap`: it holds many tests and says in TAP how they went.
# `check`: it is one test, judged by its exit code. `step`: it is none, but counts when it fails.
# `start` runs a command beside others, one a core at most; `report` waits and prints them in the
# order of their start. `tap`, `check` and `step` do both for one command.

cores=$(nproc)
work=$(mktemp -d)
parts=()
part=
declare -A passed=() failed=() began=() took=()
started=0 # commands started so far
reported=0

# Ends what still runs, by its id, when the runner itself is ended.
leave() {
  local file
  for file in "$work"/*.pid; do
    [[ -e $file && ! -e ${file%.pid}.end ]] && kill "$(<"$file")" 2>/dev/null
  done
  rm -rf "$work"
}
trap leave EXIT
trap 'exit 130' INT TERM

bold='' plain=''
[[ -t 1 ]] && bold=$'\e[1m' plain=$'\e[0m'

# begin PART: what follows counts for this row of the summary.
begin() {
  part=$1
  parts+=("$part")
  passed[$part]=0
  failed[$part]=0
  began[$part]=$SECONDS
  printf '%s%s%s\n' "$bold" "$part" "$plain"
}

# finish: closes the part; one that ran no test has failed.
finish() {
  if ((passed[$part] + failed[$part] == 0)); then
    failed[$part]=1
    printf '  FAIL  no test was run\n'
  fi
  took[$part]=$((SECONDS - began[$part]))
}

# start KIND LABEL SECONDS COMMAND...: KIND is tap, check or step.
start() {
  local kind=$1 label=$2 limit=$3 id=$((started++))
  shift 3
  while (($(jobs -rp | wc -l) >= cores)); do wait -n; done
  printf '%s\n%s\n' "$kind" "$label" >"$work/$id.what"
  run_one "$id" "$limit" "$@" &
}

run_one() {
  local id=$1 limit=$2 status=0 from
  shift 2
  from=$(date +%s%N)
  timeout -k 10 "$limit" "$@" >"$work/$id.log" 2>&1 </dev/null &
  echo $! >"$work/$id.pid"
  wait $! || status=$?
  if ((status == 124 || status == 137)); then
    echo "ended after its limit of $limit s" >>"$work/$id.log"
  fi
  printf '%d %d\n' "$status" $((($(date +%s%N) - from) / 100000000)) >"$work/$id.end"
}

# report: waits for everything that was started and prints it.
report() {
  wait
  while ((reported < started)); do
    report_one "$((reported++))"
  done
}

report_one() {
  local id=$1 kind label status tenths ok bad
  { read -r kind && read -r label; } <"$work/$id.what"
  read -r status tenths <"$work/$id.end"
  read -r ok bad < <(count_"$kind" "$status" <"$work/$id.log")
  passed[$part]=$((passed[$part] + ok))
  failed[$part]=$((failed[$part] + bad))
  if ((bad == 0)); then
    printf '  ok    %-44s %5s %7s s\n' "$label" "${ok#0}" "$((tenths / 10)).$((tenths % 10))"
  else
    printf '  FAIL  %-44s %5d of %d failed, exit code %d\n' "$label" "$bad" $((ok + bad)) "$status"
    without_successes <"$work/$id.log" | sed 's/^/        /'
  fi
}

tap() {
  start tap "$@"
  report
}

check() {
  start check "$@"
  report
}

step() {
  start step "$@"
  report
}

# count_check STATUS: prints "passed failed".
count_check() {
  if (($1 == 0)); then echo 1 0; else echo 0 1; fi
}

count_step() {
  if (($1 == 0)); then echo 0 0; else echo 0 1; fi
}

# count_tap STATUS: reads TAP and prints "passed failed". A skipped test, a plan that was not kept,
# a bad exit code without a failing test and a program without tests count as failed. Node's runner
# nests its tests and adds them up at the end itself.
count_tap() {
  awk -v status="$1" '
    /^(not )?ok .*# SKIP/ { seen++; bad++; next }
    /^ok( |$)/ { seen++; good++ }
    /^not ok( |$)/ { seen++; bad++ }
    /^1\.\.[0-9]+/ { plan += substr($1, 4); plans++ }
    /^# (pass|fail|cancelled|skipped|todo) [0-9]+$/ { total[$2] = $3; totals++ }
    END {
      short = plans == 0 || plan != seen
      if (totals == 5) {
        good = total["pass"]
        bad = total["fail"] + total["cancelled"] + total["skipped"] + total["todo"]
        short = 0
      }
      if (bad == 0 && (status != 0 || short || good == 0)) bad = 1
      print good + 0, bad + 0
    }'
}

# without_successes: TAP without its passing tests, so that the failing ones are seen.
without_successes() {
  awk '
    /^ *ok( |$)/ { after_ok = 1; next }
    after_ok && /^ *---$/ { details = 1 }
    { after_ok = 0 }
    !details
    details && /^ *\.\.\.$/ { details = 0 }'
}

# output: what the last reported command printed.
output() {
  sed 's/^/        /' "$work/$((reported - 1)).log"
}

# summary: a row for each part; the last line is the sum. Fails when a test did.
summary() {
  local name good=0 bad=0
  printf '\n%s%-24s %7s %7s %7s%s\n' "$bold" part passed failed seconds "$plain"
  for name in "${parts[@]}"; do
    printf '%-24s %7d %7d %7d\n' "$name" "${passed[$name]}" "${failed[$name]}" "${took[$name]}"
    good=$((good + passed[$name]))
    bad=$((bad + failed[$name]))
  done
  printf '\n%d passed, %d failed\n' "$good" "$bad"
  ((bad == 0))
}
