# shellcheck shell=sh disable=SC2154
# The cases about targets that fail and processes that change: what a fail-over adds, and whether reloads and upgrades
# cost a request or a stream. Weir alone, since the others have no counterpart. Read by run.sh, after gateways.sh.

# Three models: served by the first target, by the second after the first has answered 500, and by the second after the
# first has refused the connection. No breaker opens, so that every request fails over.
write_weir_failover() {
  cat >"$work/weir.yaml" <<END
listen: 127.0.0.1:$port_weir
data_dir: $work/weir-data
store: sqlite
workers: 1
limits: { connections: 9500 }
timeouts: { drain: 1s }
breaker: { failures: 1000000, window: 1s }
providers:
  - { name: bench, kind: anthropic, base_url: "http://127.0.0.1:$upstream_port",
      credentials: [ { name: main, api_key: "provider-key-of-the-bench" } ] }
  - { name: failing, kind: anthropic, base_url: "http://127.0.0.1:$failing_port",
      credentials: [ { name: main, api_key: "provider-key-of-the-bench" } ] }
  - { name: absent, kind: anthropic, base_url: "http://127.0.0.1:$port_nginx_stream",
      credentials: [ { name: main, api_key: "provider-key-of-the-bench" } ] }
models:
  - { name: "claude-bench", targets: [ { provider: bench, model: "claude-bench" } ] }
  - { name: "claude-500", targets: [ { provider: failing, model: "claude-bench" }, { provider: bench, model: "claude-bench" } ] }
  - { name: "claude-refused", targets: [ { provider: absent, model: "claude-bench" }, { provider: bench, model: "claude-bench" } ] }
prices:
  - { provider: "bench", model: "*", input: 3.00, output: 15.00, cache_write: 3.75, cache_read: 0.30 }
  - { provider: "failing", model: "*", input: 3.00, output: 15.00, cache_write: 3.75, cache_read: 0.30 }
  - { provider: "absent", model: "*", input: 3.00, output: 15.00, cache_write: 3.75, cache_read: 0.30 }
keys:
  - { name: bench, value: "bench-key-0123456789abcdef0123456789abcdef", models: ["claude-*"], rpm: 1000000000,
      tpm: 1000000000000, concurrency: 9500, budget: { usd: 1000000000, period: month } }
telemetry: { log_level: info, metrics: true }
END
}

# One request at a time for the latency, 32 for the processor time. What the failed attempt takes by itself is what a
# client without a gateway sees of it. The kinds in another order every round.
run_failover() {
  half_ms=$((measure_ms / 2))
  record "failover $1 attempt" on_load closed --port "$failing_port" --connections 1 --status 500 --measure "$half_ms"
  kinds='bench 500 refused'
  [ $(($1 % 2)) = 1 ] || kinds='refused 500 bench'
  for kind in $kinds; do
    record "failover $1 $kind" on_load closed --port "$port_weir" --connections 1 --model "claude-$kind" --measure "$half_ms"
    record "failover_busy $1 $kind" on_load closed --port "$port_weir" --connections 32 --model "claude-$kind" \
      --pids "$pids_weir" --measure "$half_ms"
  done
}

case_failover() {
  write_weir_failover
  start_gateway weir
  round=1
  while [ $round -le "$rounds" ] && has_time $round 480; do
    run_failover $round
    say "fail-over, round $round of $rounds"
    round=$((round + 1))
  done
  end_gateway weir
  write_weir
}

# What ran beside others could not count its own failure.
note_failed() {
  failures=$((failures + $(awk -v which="$1" '$1 == which && (NF < 4 || !/ failed=0( |$)/) && !/ count=/ { n++ } END { print n + 0 }' "$raw")))
}

# Requests at full speed over kept connections while the configuration is read again every 100 ms.
lifecycle_reloads() {
  start_gateway weir
  : >"$work/reloads"
  record "reloads 1 weir" on_load closed --port "$port_weir" --connections 32 --warm 0 --requests "$lifecycle_requests" &
  load=$!
  while kill -0 $load 2>/dev/null; do
    kill -HUP "$main_weir"
    echo >>"$work/reloads"
    sleep 0.1
  done
  wait $load || true
  note_failed reloads
  echo "reloads 1 asked count=$(wc -l <"$work/reloads")" >>"$raw"
  echo "reloads 1 done count=$(grep -c '"config_reloaded"' "$work/access.log" || true)" >>"$raw"
  say "$lifecycle_requests requests across reloads"
  end_gateway weir
}

# The program replaced again and again: streams that are open from the start, some more with each process, and plain
# requests over kept connections all the while. Every process's id is noted, so that all can be ended.
lifecycle_upgrades() {
  start_gateway weir
  loads=''
  record "upgrade_streams 0 weir" on_load streams --port "$port_weir" --connections 500 --spacing 100 --warm 1000 \
    --measure "$lifecycle_ms" &
  loads="$loads $!"
  record "upgrade_requests 1 weir" on_load closed --port "$port_weir" --connections 8 --warm 0 --measure "$lifecycle_ms" &
  loads="$loads $!"
  sleep 3
  upgraded=0 slowest_ms=0
  while [ $upgraded -lt "$lifecycle_upgrades" ]; do
    before_ms=$(($(date +%s%N) / 1000000))
    taskset -c "$cpu_gateway" "$weir" upgrade -c "$work/weir.yaml" >"$work/upgrade.out" 2>&1 || break
    took_ms=$(($(date +%s%N) / 1000000 - before_ms))
    [ $took_ms -le $slowest_ms ] || slowest_ms=$took_ms
    main_weir=$(sed -n 's/^upgraded: process \([0-9]*\) .*/\1/p' "$work/upgrade.out")
    started="$started $main_weir"
    upgraded=$((upgraded + 1))
    record "upgrade_streams $upgraded weir" on_load streams --port "$port_weir" --connections 20 --spacing 100 --warm 0 \
      --measure 1000 &
    loads="$loads $!"
  done
  processes=$("$weir" status -c "$work/weir.yaml" | wc -l)
  streams_outlast=1
  kill -0 "$(echo "$loads" | cut -d' ' -f2)" 2>/dev/null || streams_outlast=0
  # shellcheck disable=SC2086 # words
  wait $loads || true
  note_failed upgrade_streams
  note_failed upgrade_requests
  echo "upgrades 1 weir count=$upgraded wanted=$lifecycle_upgrades slowest_ms=$slowest_ms processes=$processes streams_outlast=$streams_outlast" >>"$raw"
  [ "$upgraded$streams_outlast" = "${lifecycle_upgrades}1" ] || {
    echo "bench: upgrades: $upgraded of $lifecycle_upgrades, streams outlast them: $streams_outlast: $(cat "$work/upgrade.out")" >&2
    failures=$((failures + 1))
  }
  say "$upgraded upgrades under 500 streams"
  end_gateway weir
}

case_lifecycle() {
  lifecycle_reloads
  lifecycle_upgrades
}
