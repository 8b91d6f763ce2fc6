#!/usr/bin/env bash
# Tests how report.sh counts; prints TAP.
# shellcheck source=spec/runner/report.sh
source "$(dirname "${BASH_SOURCE[0]}")/report.sh"
number=0
status=0

# is NAME EXPECTED EXIT-CODE TAP: what count_tap makes of it.
is() {
  local got
  got=$(printf '%b' "$4" | count_tap "$3")
  number=$((number + 1))
  if [[ $got == "$2" ]]; then
    printf 'ok %d - %s\n' "$number" "$1"
  else
    printf 'not ok %d - %s\n# expected %s, got %s\n' "$number" "$1" "$2" "$got"
    status=1
  fi
}

is 'all pass' '2 0' 0 '1..2\nok 1 - a\nok 2 - b\n'
is 'the plan may come last' '2 0' 0 'ok 1 - a\nok 2 - b\n1..2\n'
is 'one fails' '1 1' 1 '1..2\nok 1 - a\nnot ok 2 - b\n# why\n'
is 'two groups in one program' '3 0' 0 '1..2\nok 1 - a\nok 2 - b\n1..1\nok 1 - c\n'
is 'a skipped test has failed' '1 1' 0 '1..2\nok 1 - a\nok 2 - # SKIP b\n'
is 'cmocka writes skipped tests so' '1 1' 0 '1..2\nok 1 - a\nnot ok 2 # SKIP b\n'
is 'a test that was planned is missing' '1 1' 0 '1..2\nok 1 - a\n'
is 'it ended before its plan' '1 1' 0 'ok 1 - a\n'
is 'a bad exit code with passing tests' '1 1' 1 '1..1\nok 1 - a\n'
is 'a bad exit code is not counted beside a failing test' '0 1' 1 '1..1\nnot ok 1 - a\n'
is 'no tests' '0 1' 0 '1..0\n'
is 'no output' '0 1' 139 ''
is 'other output does not count' '1 0' 0 'okay\nnot okay\n1..1\nok 1 - a\n  ok indented\n'
node='# tests 3\n# suites 1\n# pass %d\n# fail %d\n# cancelled %d\n# skipped %d\n# todo 0\n'
nested='# Subtest: a suite\n    ok 1 - a\n    ok 2 - b\n    1..2\nok 1 - a suite\n1..1\n'
# shellcheck disable=SC2059 # the format is the text
is 'node nests and adds up itself' '3 0' 0 "$nested$(printf "$node" 3 0 0 0)\n"
# shellcheck disable=SC2059
is 'what node cancelled or skipped has failed' '1 2' 0 "$nested$(printf "$node" 1 0 1 1)\n"
echo "1..$number"
exit "$status"
