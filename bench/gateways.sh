# shellcheck shell=sh disable=SC2154
# The gateways of the comparison: their configurations, and starting and ending them. Read by run.sh, which sets
# $work, $weir, $upstream_port, $cpu_gateway and the ports.

# nginx as a careful operator would set it up: keep-alive on both sides, no log, bodies in memory, streams unbuffered.
write_nginx() {
  mkdir -p "$work/nginx"
  cat >"$work/nginx.conf" <<END
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid $work/nginx/pid;
error_log $work/nginx/error.log warn;
events { worker_connections 9900; }
http {
  access_log off;
  client_body_temp_path $work/nginx/body;
  proxy_temp_path $work/nginx/proxy;
  fastcgi_temp_path $work/nginx/fastcgi;
  uwsgi_temp_path $work/nginx/uwsgi;
  scgi_temp_path $work/nginx/scgi;
  keepalive_requests 100000000;
  client_max_body_size 32m;
  client_body_buffer_size 512k;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_read_timeout 300s;
  upstream provider {
    server 127.0.0.1:$upstream_port;
    keepalive 128;
    keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:$port_nginx backlog=4096;
    location / { proxy_pass http://provider; }
  }
  server {
    listen 127.0.0.1:$port_nginx_stream backlog=4096;
    location / { proxy_pass http://provider; proxy_buffering off; }
  }
}
END
}

write_haproxy() {
  cat >"$work/haproxy.cfg" <<END
global
  maxconn 9000
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  option http-keep-alive
  http-reuse always
frontend front
  bind 127.0.0.1:$port_haproxy backlog 4096
  default_backend provider
backend provider
  server provider 127.0.0.1:$upstream_port
END
}

# Weir with everything on: key check, limits, JSON validation, prices, ledger on SQLite, access log into a file.
write_weir() {
  cat >"$work/weir.yaml" <<END
listen: 127.0.0.1:$port_weir
data_dir: $work/weir-data
store: sqlite
workers: 1
limits: { connections: 9500 }
timeouts: { drain: 1s }
providers:
  - name: bench
    kind: anthropic
    base_url: http://127.0.0.1:$upstream_port
    credentials: [ { name: main, api_key: "provider-key-of-the-bench" } ]
  - name: cross
    kind: openai
    base_url: http://127.0.0.1:$upstream_port/v1
    credentials: [ { name: main, api_key: "provider-key-of-the-bench" } ]
models:
  - { name: "claude-cross", targets: [ { provider: cross, model: "gpt-bench" } ] }
  - { name: "claude-*", targets: [ { provider: bench, model: "claude-*" } ] }
prices:
  - { provider: cross, model: "*", input: 3.00, output: 15.00 }
  - { provider: bench, model: "*", input: 3.00, output: 15.00, cache_write: 3.75, cache_read: 0.30 }
keys:
  - { name: bench, value: "bench-key-0123456789abcdef0123456789abcdef", models: ["claude-*"], rpm: 1000000000,
      tpm: 1000000000000, concurrency: 9500, budget: { usd: 1000000000, period: month } }
telemetry: { log_level: info, metrics: true }
END
}

# Which address a kind of load uses. nginx has one server for plain answers and one for streams.
port_of() {
  case $1:$2 in
    nginx:streams) echo "$port_nginx_stream" ;;
    nginx:*) echo "$port_nginx" ;;
    haproxy:*) echo "$port_haproxy" ;;
    weir:*) echo "$port_weir" ;;
    direct:*) echo "$upstream_port" ;;
  esac
}

# Starts one gateway and waits until it answers a request; its process ids go to pids_NAME.
start_gateway() {
  case $1 in
    nginx) taskset -c "$cpu_gateway" nginx -c "$work/nginx.conf" >"$work/nginx.out" 2>&1 & ;;
    haproxy) taskset -c "$cpu_gateway" haproxy -f "$work/haproxy.cfg" -db >"$work/haproxy.out" 2>&1 & ;;
    weir)
      mkdir -p "$work/weir-data"
      # shellcheck disable=SC2086 # words: an environment for the case that counts allocations
      env $weir_environment taskset -c "$cpu_gateway" "$weir" serve -c "$work/weir.yaml" \
        >"$work/weir.out" 2>"$work/access.log" &
      ;;
  esac
  pid=$!
  started="$started $pid"
  await_gateway "$1" "$pid"
  # The workers of nginx are processes of their own, there by now.
  children=$(tr ' ' ',' <"/proc/$pid/task/$pid/children")
  eval "main_$1=$pid pids_$1=$pid${children:+,${children%,}}"
}

# bench_load tries to connect for some seconds; one good answer is enough.
await_gateway() {
  port=$(port_of "$1" plain)
  on_load closed --port "$port" --connections 1 --warm 0 --requests 1 >"$work/first.out" 2>&1 && return 0
  echo "bench: $1 gives no answer" >&2
  cat "$work/first.out" "$work/$1.out" >&2
  [ "$1" != weir ] || tail -n 5 "$work/access.log" >&2
  exit 1
}

# Ends one process of ours and waits for it.
end_process() {
  kill "$1" 2>/dev/null || return 0
  tries=0
  while kill -0 "$1" 2>/dev/null && [ $tries -lt 100 ]; do
    sleep 0.05
    tries=$((tries + 1))
  done
  kill -9 "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

end_gateway() {
  eval "pid=\$main_$1"
  end_process "$pid"
  [ "$1" != weir ] || rm -rf "$work/weir-data"
}
