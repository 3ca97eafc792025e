#!/bin/sh
# feed.sh: what it costs to be followed. Requests a second and processor time a request while nobody, one, ten and as
# many as may follow GET /api/v1/requests/live, and while as many hang without reading: at full speed, and at a rate at
# which every row comes; and the memory that those hold who do not read.
# Takes less than two minutes; README.md says how it is measured.
#
#   QUICK=1      one short round, for trying out (figures not to be quoted)
#   ROUNDS=N     rounds of the comparison (4)
#   RATE=N       requests a second of the second load (1000)
#   WEIR=PATH    the program to measure (build/weir)
#   RESULT=FILE  where the result goes besides standard output
#                (bench/results/DATE-feed-MACHINE.md after a full run, else nowhere)
#   CPU_GATEWAY=0 CPU_LOAD=1   the processors of the gateway and of load, upstream and followers
#   BENCH_BUILD=DIR            where the measuring programs are built (build/bench)
#
# Uses free ports of loopback, ends only processes it started, leaves nothing behind but the result.
set -eu
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/.."
weir=${WEIR:-$PWD/build/weir}
quick=${QUICK:-}
cpu_gateway=${CPU_GATEWAY:-0}
cpu_load=${CPU_LOAD:-1}
build=${BENCH_BUILD:-build/bench}
tools=$build/bench
most=64 # FEED_READERS_MAX in src/control/feed.h
if [ -n "$quick" ]; then rounds=${ROUNDS:-1} measure_ms=700 held=5000; else rounds=${ROUNDS:-4} measure_ms=1500 held=60000; fi
rate=${RATE:-1000}
work=$(mktemp -d /tmp/weir-bench-feed.XXXXXX)
started=''

finish() {
  exec 8>&- || true
  for pid in $started; do kill "$pid" 2>/dev/null || true; done
  for pid in $started; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM
fail() {
  echo "bench: $*" >&2
  exit 1
}

if [ ! -f "$build/build.ninja" ]; then
  meson setup "$build" --buildtype=release -Dbench=true -Dtests=false >"$work/build.log" 2>&1 || fail "$(cat "$work/build.log")"
fi
ninja -C "$build" --quiet bench/bench_upstream bench/bench_load bench/bench_follow >"$work/build.log" 2>&1 || fail "$(cat "$work/build.log")"

# Waits for a line in a file that a program writes.
await() {
  tries=0
  until grep -q "$1" "$2" || [ $tries -gt 400 ]; do
    sleep 0.05
    tries=$((tries + 1))
  done
  grep -q "$1" "$2" || fail "no $1: $(tail -n 5 "$2")"
}

taskset -c "$cpu_load" "$tools/bench_upstream" >"$work/upstream.out" &
started="$started $!"
await '^port ' "$work/upstream.out"
port=$("$tools/bench_load" ports --count 1)
password=the-password-of-the-bench
cat >"$work/weir.yaml" <<END
listen: 127.0.0.1:$port
public_url: http://127.0.0.1:$port
data_dir: $work/weir-data
store: sqlite
workers: 1
timeouts: { drain: 1s }
signin: { password: { memory_kib: 8192, passes: 1 } }
users: [ { email: bench@example.com, password: $password, role: owner } ]
providers:
  - name: bench
    kind: anthropic
    base_url: http://127.0.0.1:$(sed -n 's/^port //p' "$work/upstream.out")
    credentials: [ { name: main, api_key: "provider-key-of-the-bench" } ]
models: [ { name: "claude-*", targets: [ { provider: bench, model: "claude-*" } ] } ]
prices: [ { provider: bench, model: "*", input: 3.00, output: 15.00, cache_write: 3.75, cache_read: 0.30 } ]
keys:
  - { name: bench, value: "bench-key-0123456789abcdef0123456789abcdef", models: ["claude-*"], rpm: 1000000000,
      tpm: 1000000000000, concurrency: 9500, budget: { usd: 1000000000, period: month } }
END
taskset -c "$cpu_gateway" "$weir" serve -c "$work/weir.yaml" >"$work/weir.out" 2>"$work/access.log" &
gateway=$!
started="$started $gateway"
await 'ready on' "$work/weir.out"

load() { # closed|open ...
  kind=$1
  shift
  taskset -c "$cpu_load" "$tools/bench_load" "$kind" --port "$port" --connections 32 --pids "$gateway" "$@"
}
rss_kb() { awk '/^Rss:/ { print $2 }' "/proc/$gateway/smaps_rollup"; }

# Followers live until descriptor 8 is closed.
mkfifo "$work/to"
follow() { # COUNT STALLED
  : >"$work/follow.out"
  taskset -c "$cpu_load" "$tools/bench_follow" --port "$port" --password $password --followers "$1" --stalled "$2" <"$work/to" >"$work/follow.out" &
  follower=$!
  started="$started $follower"
  exec 8>"$work/to"
  await '^ready' "$work/follow.out"
}
unfollow() {
  exec 8>&-
  wait "$follower"
}

# One measurement: "LOAD NAME ROUND name=value...", one line in $work/raw.
run_case() { # ROUND NAME LOAD
  count=$2 stalled=0
  case $2 in stalled) count=$most stalled=1 ;; esac
  [ "$count" = 0 ] || follow "$count" $stalled
  line=$(load "$3" --rate "$rate" --measure $measure_ms) || fail "$line"
  told=
  if [ "$count" != 0 ]; then
    unfollow
    told=$(tail -n 1 "$work/follow.out")
  fi
  echo "$3 $2 $1 $line $told" >>"$work/raw"
}

load closed --warm 0 --requests 2000 >/dev/null || fail "no good answers"
cases="0 1 10 $most stalled"
backwards="stalled $most 10 1 0"
# The slow load first: after the fast one the ledger is still being brought up.
for kind in open closed; do
  round=1
  while [ $round -le "$rounds" ]; do
    order=$cases
    [ $((round % 2)) = 1 ] || order=$backwards
    for name in $order; do run_case $round "$name" $kind; done
    echo "bench: followers, $kind loop, round $round of $rounds" >&2
    round=$((round + 1))
  done
done

# As many as may follow hang; memory after so many requests, and after as many again. One more is refused.
memory=''
hold() {
  load closed --warm 0 --requests $held >/dev/null || fail "no good answers"
  memory="$memory $(($(rss_kb) / 1024))"
}
hold
follow $((most + 1)) 1
refused=$(sed -n 's/^ready .*refused=//p' "$work/follow.out")
for _ in 1 2 3 4; do hold; done
unfollow
hold
# shellcheck disable=SC2086 # words
set -- $memory

{
  echo "# The live feed: what it costs to be followed"
  echo
  echo "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores, kernel $(uname -r). $(date -u +'%Y-%m-%d %H:%M') UTC,"
  echo "commit $(git rev-parse --short HEAD), load average meanwhile $(cut -d' ' -f1-3 /proc/loadavg). Made by \`sh bench/feed.sh\`, $rounds rounds."
  echo
  echo "At full speed (32 connections, closed loop; one worker):"
  echo
  grep '^closed' "$work/raw" | awk -v most=$most -f bench/feed.awk
  echo
  echo "At $rate requests a second:"
  echo
  grep '^open' "$work/raw" | awk -v most=$most -f bench/feed.awk
  echo
  echo "Resident memory with $most followers that do not read: $1 MB before; $2, $3, $4 and $5 MB after $held requests each;"
  echo "$6 MB after as many again without them. Of $((most + 1)) followers $refused was refused (503)."
} >"$work/result.md"
cat "$work/result.md"
result=${RESULT:-}
if [ -z "$result" ] && [ -z "$quick" ]; then
  processor=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1 | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9-' | tr -s - | cut -c1-40)
  result=bench/results/$(date -u +%Y-%m-%d)-feed-${processor:-machine}-$(nproc)-cores.md
fi
[ -z "$result" ] || cp "$work/result.md" "$result"
