#!/bin/sh
# fuzz.sh DIR SECONDS: runs every libFuzzer target of the build folder DIR for that long, from the committed seeds; what it finds
# stays in DIR/corpus, a crashing input in DIR/found. The last line says how many targets held. Called by `make fuzz`.
set -eu
dir=$1
seconds=$2
held=0
broken=0
mkdir -p "$dir/found"
for source in tests/fuzz/fuzz_*.c; do
  [ -f "$source" ] || continue
  name=$(basename "$source" .c)
  name=${name#fuzz_}
  mkdir -p "$dir/corpus/$name"
  seeds=tests/fuzz/corpus/$name
  [ -d "$seeds" ] || seeds=
  echo "fuzz: $name for $seconds s"
  # shellcheck disable=SC2086 # no seeds is no word
  if "$dir/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -verbosity=0 \
    -print_final_stats=1 -artifact_prefix="$dir/found/$name-" "$dir/corpus/$name" $seeds; then
    held=$((held + 1))
  else
    broken=$((broken + 1))
    echo "fuzz: $name FAILED; the input is in $dir/found, put it into tests/fuzz/corpus/$name with the fix"
  fi
done
echo "$held held, $broken broken"
[ "$broken" = 0 ] && [ "$held" -gt 0 ]
