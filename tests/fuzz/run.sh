#!/bin/sh
# Runs the fuzzers one after the other, each for FUZZ_SECONDS, from the corpus on; finds go to build/fuzz/findings.
#   FUZZ_SECONDS=600 tests/fuzz/run.sh [TARGET...]
set -eu
cd "$(dirname "$0")/../.."
build=build/fuzz
mkdir -p $build/findings
[ $# -gt 0 ] || set -- command upstream json mux pieces ws request guard reply address multipart unzip crx package
# What is unpacked stays in memory, and goes with us even when a fuzzer is killed.
memory=/dev/shm
[ -w $memory ] || memory=${TMPDIR:-/tmp}
TMPDIR=$(mktemp -d "$memory/bridge-fuzz-XXXXXX")
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
for target; do
  mkdir -p "$build/corpus/$target"
  echo "fuzzing $target for ${FUZZ_SECONDS:=30} s"
  if ! $build/tests/fuzz/fuzz_"$target" -max_total_time="$FUZZ_SECONDS" -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=256 \
    -max_len=2000 -print_final_stats=1 -dict=tests/fuzz/words.dict -artifact_prefix="$build/findings/$target-" \
    "$build/corpus/$target" "tests/fuzz/corpus/$target" > "$build/$target.log" 2>&1; then
    tail -40 "$build/$target.log"
    echo "a finding: $build/findings/$target-*; add it to tests/fuzz/corpus/$target when it is mended" >&2
    exit 1
  fi
  grep -E 'number_of_executed_units|DONE' "$build/$target.log" | tail -2
done
