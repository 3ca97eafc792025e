#!/bin/sh
# run.sh [CASE...]: Weir beside nginx and HAProxy on this machine, over loopback. `make bench` calls it after the
# set-up; README.md says what is measured and how. Cases, all when none is named:
#   plain latency streams translate idle ready syscalls allocations profile failover lifecycle
#
#   QUICK=1      one short round of everything, for trying out (figures not to be quoted)
#   ROUNDS=N     rounds of the comparisons (5)
#   RATE=N       requests a second of the latency case (half of what the slowest gateway did in the case plain)
#   WEIR=PATH    the program to measure (build/weir)
#   RESULT=FILE  where the result goes besides standard output
#                (bench/results/DATE-MACHINE.md after a full run, else nowhere)
#   RAW=FILE     keeps the figures of every run
#   CPU_GATEWAY=0 CPU_LOAD=1   the processors of the gateway and of load and upstream
#   BENCH_BUILD=DIR            where the measuring programs are built (build/bench)
#
# Uses free ports of loopback, ends only processes it started, leaves nothing behind but the result.
set -eu
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/.."
root=$(pwd)
weir=${WEIR:-$root/build/weir}
quick=${QUICK:-}
cpu_gateway=${CPU_GATEWAY:-0}
cpu_load=${CPU_LOAD:-1}
tools=${BENCH_BUILD:-$root/build/bench}/bench
gateways='nginx haproxy weir'
all_cases='plain latency streams translate idle ready syscalls allocations profile failover lifecycle'
cases=${*:-$all_cases}
# shellcheck disable=SC2034 # routing.sh uses those of the lifecycle
if [ -n "$quick" ]; then
  rounds=${ROUNDS:-1} measure_ms=700 stream_ms=1500 ready_runs=5 fixed_requests=1000
  lifecycle_requests=20000 lifecycle_ms=8000 lifecycle_upgrades=3
else
  rounds=${ROUNDS:-5} measure_ms=1500 stream_ms=3000 ready_runs=20 fixed_requests=4000
  lifecycle_requests=100000 lifecycle_ms=15000 lifecycle_upgrades=10
fi

fail() {
  echo "bench: $*" >&2
  exit 1
}

build_tools() {
  dir=${BENCH_BUILD:-$root/build/bench}
  if [ ! -f "$dir/build.ninja" ]; then
    meson setup "$dir" --buildtype=release -Dbench=true -Dtests=false >"$work/setup.log" 2>&1 || {
      cat "$work/setup.log" >&2
      exit 1
    }
  fi
  programs='bench/bench_upstream bench/bench_load bench/bench_ready bench/libcount_malloc.so'
  # shellcheck disable=SC2086 # words
  ninja -C "$dir" --quiet $programs >"$work/build.log" 2>&1 || {
    cat "$work/build.log" >&2
    exit 1
  }
}

on_load() { taskset -c "$cpu_load" "$tools/bench_load" "$@"; }

# One raw result: CASE ROUND GATEWAY NAME=VALUE..., one line in $raw.
record() {
  line=$1
  shift
  errors=$(mktemp "$work/load.XXXXXX")
  if values=$("$@" 2>"$errors"); then
    echo "$line $values" >>"$raw"
  else
    echo "bench: $line: $(cat "$errors") ${values:-}" >&2
    echo "$line $values" >>"$raw"
    failures=$((failures + 1))
  fi
}

# A machine busy with other work takes longer; then there are fewer rounds rather than a run without an end. The first
# round is always made.
has_time() {
  [ "$1" = 1 ] || [ $(($(date +%s) - began)) -lt "$2" ] || {
    say "no time for round $1"
    return 1
  }
}

# The gateways in another order every round, so that none is always first.
order_of() {
  case $(($1 % 3)) in
    0) echo 'nginx haproxy weir' ;;
    1) echo 'haproxy weir nginx' ;;
    2) echo 'weir nginx haproxy' ;;
  esac
}

# Its port goes to started_port. Arguments are the program's.
start_upstream() {
  : >"$work/upstream.out"
  taskset -c "$cpu_load" "$tools/bench_upstream" "$@" >"$work/upstream.out" &
  started="$started $!"
  tries=0
  until grep -q '^port ' "$work/upstream.out" || [ $tries -gt 100 ]; do
    sleep 0.05
    tries=$((tries + 1))
  done
  started_port=$(sed -n 's/^port //p' "$work/upstream.out")
  [ -n "$started_port" ] || fail "the upstream did not start"
}

wants() { case " $cases " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }
say() { echo "bench: $* (at $(($(date +%s) - began)) s)" >&2; }

# Processor time per request, closed loop.
run_plain() {
  for size in 1024 20480 307200; do
    connections=32
    [ $size -lt 100000 ] || connections=8
    eval "pids=\$pids_$2"
    record "plain_$size $1 $2" on_load closed --port "$(port_of "$2" plain)" --connections $connections --body $size \
      --pids "$pids" --measure "$measure_ms"
  done
}

# Half of what the slowest gateway did in the closed loop; the same for all, so that they can be compared.
half_rate() {
  awk '$1 == "plain_1024" {
      for (i = 4; i <= NF; i++)
        if ($i ~ /^rps=/) { v = substr($i, 5) + 0; if (least == "" || v < least) least = v }
    }
    END { printf "%d\n", (least > 200 ? least / 2 : 2000) }' "$raw"
}

run_latency() {
  pids=''
  [ "$2" = direct ] || eval "pids=\$pids_$2"
  record "latency $1 $2" on_load open --port "$(port_of "$2" plain)" --connections 64 --rate "$rate" --pids "$pids" \
    --measure "$measure_ms"
}

# Fresh processes: memory is counted from the start.
run_streams() {
  for streams in 500 4000; do
    # 25,000 events a second in both.
    spacing=$((streams / 25))
    start_gateway "$2"
    eval "pids=\$pids_$2"
    record "streams_$streams $1 $2" on_load streams --port "$(port_of "$2" streams)" --connections $streams \
      --spacing $spacing --pids "$pids" --warm 500 --measure "$stream_ms"
    end_gateway "$2"
  done
}

rss_kb() {
  total=0
  for pid in $(echo "$1" | tr , ' '); do
    total=$((total + $(awk '/^Rss:/ { print $2 }' "/proc/$pid/smaps_rollup")))
  done
  echo "rss_kb=$total"
}

case_plain_and_latency() {
  for gateway in $gateways; do start_gateway "$gateway"; done
  if wants idle; then
    sleep 1
    for gateway in $gateways; do
      eval "pids=\$pids_$gateway"
      record "idle 1 $gateway" rss_kb "$pids"
    done
  fi
  if wants plain; then
    round=1
    while [ $round -le "$rounds" ] && has_time $round 180; do
      for gateway in $(order_of $round); do run_plain $round "$gateway"; done
      say "plain requests, round $round of $rounds"
      round=$((round + 1))
    done
  fi
  if wants latency; then
    rate=${RATE:-$(half_rate)}
    echo "rate 0 all rate=$rate" >>"$raw"
    round=1
    while [ $round -le "$rounds" ] && has_time $round 240; do
      for gateway in direct $(order_of $round); do run_latency $round "$gateway"; done
      say "latency at $rate requests a second, round $round of $rounds"
      round=$((round + 1))
    done
  fi
  for gateway in $gateways; do end_gateway "$gateway"; done
}

case_streams() {
  round=1
  while [ $round -le "$rounds" ] && has_time $round 360; do
    for gateway in $(order_of $round); do run_streams $round "$gateway"; done
    say "streams, round $round of $rounds"
    round=$((round + 1))
  done
}

# The same requests and streams passed through, and translated to another dialect and back.
case_translate() {
  start_gateway weir
  round=1
  while [ $round -le "$rounds" ] && has_time $round 420; do
    for model in claude-bench claude-cross; do
      record "translate_plain $round $model" on_load closed --port "$port_weir" --connections 32 --body 20480 --model $model \
        --pids "$pids_weir" --measure "$measure_ms"
      record "translate_stream $round $model" on_load streams --port "$port_weir" --connections 500 --spacing 20 --model $model \
        --body 20480 --pids "$pids_weir" --warm 500 --measure "$stream_ms"
    done
    say "translation, round $round of $rounds"
    round=$((round + 1))
  done
  record "translate_large 1 claude-cross" on_load closed --port "$port_weir" --connections 8 --body 1048576 --model claude-cross \
    --pids "$pids_weir" --measure "$measure_ms"
  record "translate_memory 1 claude-cross" rss_kb "$pids_weir"
  end_gateway weir
}

# With the folder of an earlier start, and with a new one (database and journal made).
case_ready() {
  rm -rf "$work/weir-data"
  mkdir -p "$work/weir-data"
  i=0
  while [ $i -lt $((ready_runs + 5)) ]; do
    i=$((i + 1))
    kind=ready
    if [ $i -le 5 ]; then
      kind=ready_new
      rm -rf "$work/weir-data/"*
    fi
    record "$kind $i weir" taskset -c "$cpu_load" "$tools/bench_ready" --port "$port_weir" --runs 1 \
      --cpu "$cpu_gateway" -- "$weir" serve -c "$work/weir.yaml"
  done
  rm -rf "$work/weir-data"
}

# strace attached to a warm gateway around a fixed number of requests; its summary becomes calls per request.
case_syscalls() {
  if ! command -v strace >/dev/null; then
    echo "bench: no strace here: system calls not counted" >&2
    return 0
  fi
  for gateway in nginx haproxy weir; do
    start_gateway $gateway
    eval "pids=\$pids_$gateway"
    port=$(port_of $gateway plain)
    on_load closed --port "$port" --warm 0 --requests 200 >"$work/warm.out" || true
    attach=$(echo ",$pids" | sed 's/,/ -p /g')
    # shellcheck disable=SC2086 # words
    strace -f -c -U name,calls -o "$work/strace.$gateway" $attach 2>"$work/strace.err" &
    tracer=$!
    sleep 0.5
    on_load closed --port "$port" --warm 0 --requests "$fixed_requests" >"$work/traced.out" || true
    kill -INT $tracer 2>/dev/null || true
    wait $tracer 2>/dev/null || true
    awk -v gateway=$gateway -v requests="$fixed_requests" '$2 ~ /^[0-9]+$/ && $1 != "total" {
        printf "syscalls 1 %s %s=%.3f\n", gateway, $1, $2 / requests }' "$work/strace.$gateway" >>"$raw"
    end_gateway $gateway
  done
}

# TID NAME ON-CPU-NS USER-TICKS KERNEL-TICKS of every thread.
thread_times() {
  for task in "/proc/$1/task/"*; do
    ticks=$(sed 's/.*) //' "$task/stat" | cut -d' ' -f12,13)
    echo "${task##*/} $(tr ' ' _ <"$task/comm") $(cut -d' ' -f1 "$task/schedstat") $ticks"
  done
}

# Where a request's time goes: by thread, and by function where perf is there.
case_profile() {
  start_gateway weir
  on_load closed --port "$port_weir" --warm 0 --measure 500 >"$work/warm.out" || true
  thread_times "$pids_weir" >"$work/threads.before"
  on_load closed --port "$port_weir" --warm 0 --measure "$stream_ms" >"$work/profile.out" || true
  thread_times "$pids_weir" >"$work/threads.after"
  requests=$(sed 's/^requests=\([0-9]*\).*/\1/' "$work/profile.out")
  awk -v requests="$requests" '
    FNR == NR { ns[$1] = $3; user[$1] = $4; kernel[$1] = $5; next }
    {
      printf "threads 1 weir %d-%s=%.3f\n", FNR, $2, ($3 - ns[$1]) / requests / 1000
      u += $4 - user[$1]
      k += $5 - kernel[$1]
    }
    END { printf "threads_user 1 weir user=%.3f kernel=%.3f\n", u * 10000 / requests, k * 10000 / requests }' \
    "$work/threads.before" "$work/threads.after" >>"$raw"
  if command -v perf >/dev/null; then profile_functions; fi
  end_gateway weir
}

# A machine that does not let perf count has no profile; that is no failure.
profile_functions() {
  perf record -q -o "$work/perf.data" -F 1999 -p "$pids_weir" -- sleep 3 >"$work/perf.out" 2>&1 &
  recorder=$!
  on_load closed --port "$port_weir" --warm 200 --measure 2500 >"$work/profile.out" || true
  wait $recorder || return 0
  perf report -i "$work/perf.data" --stdio --sort dso 2>/dev/null |
    awk '$1 ~ /^[0-9.]+%$/ { printf "profile_dso 1 weir %s=%s\n", $2, $1 }' | head -n 12 >>"$raw"
  perf report -i "$work/perf.data" --stdio --sort dso,symbol 2>/dev/null |
    awk '$1 ~ /^[0-9.]+%$/ && $3 == "[.]" { printf "profile_symbol 1 weir %s:%s=%s\n", $2, $4, $1 }' |
    head -n 30 >>"$raw"
}

case_allocations() {
  weir_environment="LD_PRELOAD=$tools/libcount_malloc.so COUNT_MALLOC_FILE=$work/counts"
  start_gateway weir
  weir_environment=''
  for size in 1024 20480 307200; do
    record "allocations_$size 1 weir" on_load closed --port "$port_weir" --connections 8 --body $size \
      --requests "$fixed_requests" --counts "$work/counts" --pids "$pids_weir"
  done
  end_gateway weir
}

machine() {
  echo "machine $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
  echo "cores $(nproc)"
  echo "memory $(awk '/^MemTotal/ { printf "%.1f GiB", $2 / 1048576 }' /proc/meminfo)"
  echo "kernel $(uname -r) $(uname -m)"
  echo "system $(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release)"
  echo "nginx $(nginx -v 2>&1 | sed 's/.*nginx\///')"
  echo "haproxy $(haproxy -v | sed -n '1s/.*version \([^ ]*\).*/\1/p')"
  echo "weir $("$weir" version 2>/dev/null | head -n 1 | sed 's/^weir //')"
  echo "commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
  echo "load $(cut -d' ' -f1-3 /proc/loadavg)"
  echo "date $(date -u '+%Y-%m-%d %H:%M UTC')"
  echo "rounds $rounds"
  echo "quick ${quick:-0}"
}

# bench/results/DATE-PROCESSOR.md
result_name() {
  processor=$(sed -n 's/^machine //p' "$work/machine" | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9-' | tr -s - | cut -c1-40)
  echo "bench/results/$(date -u +%Y-%m-%d)-${processor:-machine}-$(nproc)-cores.md"
}

end_all() {
  for pid in $started; do kill "$pid" 2>/dev/null || true; done
  for pid in $started; do end_process "$pid"; done
  rm -rf "$work"
}

for name in $cases; do
  case " $all_cases " in *" $name "*) ;; *) fail "no case '$name'; there are: $all_cases" ;; esac
done
[ "$(nproc)" -ge 2 ] || fail "wants two processors: one for the gateway, one for the load"
[ -x "$weir" ] || fail "no $weir: run make build, or name the program with WEIR="
for program in nginx haproxy taskset; do
  command -v $program >/dev/null || fail "no $program: run sh tools/setup.sh bench"
done
# shellcheck disable=SC3045 # every sh of the supported systems has -n and -H
ulimit -n "$(ulimit -H -n)"

began=$(date +%s)
# shellcheck disable=SC2034 # gateways.sh uses them
started='' failures=0 weir_environment='' pids_weir=''
work=$(mktemp -d /tmp/weir-bench.XXXXXX)
# nginx's workers run as another user when it is started by root.
chmod 755 "$work"
raw=$work/raw
: >"$raw"
trap end_all EXIT
trap 'exit 1' INT TERM HUP
build_tools
start_upstream --status 500
# shellcheck disable=SC2034 # routing.sh uses it
failing_port=$started_port
start_upstream
# shellcheck disable=SC2034 # gateways.sh uses it
upstream_port=$started_port
# shellcheck disable=SC2046 # words
set -- $("$tools/bench_load" ports --count 4)
# shellcheck disable=SC2034 # gateways.sh uses them
port_nginx=$1 port_nginx_stream=$2 port_haproxy=$3 port_weir=$4
# shellcheck source=/dev/null
. bench/gateways.sh
# shellcheck source=/dev/null
. bench/routing.sh
write_nginx
write_haproxy
write_weir
machine >"$work/machine"

if wants plain || wants latency || wants idle; then case_plain_and_latency; fi
if wants streams; then case_streams; fi
if wants translate; then case_translate; fi
if wants ready; then case_ready; fi
if wants syscalls; then case_syscalls; fi
if wants allocations; then case_allocations; fi
if wants profile; then case_profile; fi
if wants failover; then case_failover; fi
if wants lifecycle; then case_lifecycle; fi
say "done, $failures failed runs"
[ -z "${RAW:-}" ] || cp "$raw" "$RAW"
result=${RESULT:-}
if [ -z "$result$quick" ] && [ "$cases" = "$all_cases" ]; then result=$(result_name); fi
awk -f bench/report.awk "$work/machine" "$raw" >"$work/result.md"
cat "$work/result.md"
if [ -n "$result" ]; then
  cp "$work/result.md" "$result"
  say "written to $result"
fi
[ $failures = 0 ]
