# The result file from the raw lines of run.sh: first FILE the machine (WORD VALUE), second the measurements
# (CASE ROUND GATEWAY NAME=VALUE...). Ratios are made per round, against nginx in the same round, then their median is taken:
# other work on the machine then weighs on both sides. mawk and gawk.

FNR == NR { word = $1; sub(/^[^ ]+ /, ""); machine[word] = $0; next }

{
  for (i = 4; i <= NF; i++) {
    at = index($i, "=")
    # The value follows the last "=": names may be symbols.
    while (index(substr($i, at + 1), "=") > 0) at += index(substr($i, at + 1), "=")
    name = substr($i, 1, at - 1)
    key = $1 SUBSEP $3 SUBSEP name
    if (name == "failed") failed += substr($i, at + 1)
    if (!((key, $2) in value)) { count[key]++; nth[key, count[key]] = $2 }
    value[key, $2] = substr($i, at + 1) + 0
    order[$1, ++orders[$1]] = $3 SUBSEP name
  }
  if (NF < 4) broken++
}

function sort(list, n, i, j, t) {
  for (i = 2; i <= n; i++) { t = list[i]; for (j = i - 1; j > 0 && list[j] > t; j--) list[j + 1] = list[j]; list[j + 1] = t }
}

# Fills `list` with a figure's values, divided by or less those of another gateway in the same round. Returns how many.
function gather(list, which, gateway, name, other, how, key, base, n, i, round) {
  key = which SUBSEP gateway SUBSEP name; base = which SUBSEP other SUBSEP name; n = 0
  for (i = 1; i <= count[key]; i++) {
    round = nth[key, i]
    if (how == "") list[++n] = value[key, round]
    else if ((base, round) in value) {
      if (how == "-") list[++n] = value[key, round] - value[base, round]
      else if (value[base, round] > 0) list[++n] = value[key, round] / value[base, round]
    }
  }
  sort(list, n)
  return n
}

function middle(list, n) { return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2 }

# The median as text, "-" when there is none; with `spread` also the least and the most.
function figure(which, gateway, name, digits, spread, other, how, list, n, format) {
  n = gather(list, which, gateway, name, other, how)
  if (n == 0) return "-"
  format = "%." digits "f"
  if (!spread) return sprintf(format, middle(list, n))
  return sprintf(format " [" format " - " format "]", middle(list, n), list[1], list[n])
}

function has(which) { return orders[which] > 0 }

# One row of the table of targets; `limit` is the most it may be.
function target(what, limit, unit, digits, which, name, other, how, gateway, list, n, m, verdict) {
  n = gather(list, which, gateway == "" ? "weir" : gateway, name, other, how)
  if (n == 0) return
  m = middle(list, n)
  if (limit == 0) m = list[n] # of what must not happen the worst counts
  verdict = m <= limit ? "met" : sprintf("**missed by %." digits "f%s**%s", m - limit, unit, limit ? sprintf(" (%.0f %%)", 100 * (m - limit) / limit) : "")
  printf "| %s | <= %." digits "f%s | **%." digits "f%s** | %." digits "f - %." digits "f (%d) | %s |\n",
    what, limit, unit, m, unit, list[1], list[n], n, verdict
}

function targets() {
  print "## Targets\n"
  print "| | target | measured (median) | least - most (runs) | |\n|---|---|---|---|---|"
  target("CPU per 1 KB request, against nginx", 1, " x", 2, "plain_1024", "cpu_us", "nginx", "/")
  target("CPU per SSE event, 500 streams, against nginx", 1, " x", 2, "streams_500", "cpu_us", "nginx", "/")
  target("CPU per SSE event, 4,000 streams, against nginx", 1, " x", 2, "streams_4000", "cpu_us", "nginx", "/")
  target("memory per open stream, 500 streams", 12, " KB", 1, "streams_500", "kb_a_stream", "", "")
  target("memory per open stream, 4,000 streams", 12, " KB", 1, "streams_4000", "kb_a_stream", "", "")
  mb("idle")
  target("memory of an idle process", 20, " MB", 1, "idle_mb", "rss_mb", "", "")
  target("time to ready, restart", 100, " ms", 0, "ready", "answer_ms", "", "")
  target("time to ready, first start (database made)", 100, " ms", 0, "ready_new", "answer_ms", "", "")
  target("fail-over after a 500, added to a call of the second target", 1000, " us", 0, "failover", "p50_us", "bench", "-", "500")
  target("fail-over after a refused connection, likewise", 1000, " us", 0, "failover", "p50_us", "bench", "-", "refused")
  target("failed of the requests across reloads", 0, "", 0, "reloads", "failed", "", "")
  target("failed of the requests across upgrades", 0, "", 0, "upgrade_requests", "failed", "", "")
  target("cut of the streams across upgrades, a line a load", 0, "", 0, "upgrade_streams", "failed", "", "")
  print ""
}

function mb(which, key) {
  key = which SUBSEP "weir" SUBSEP "rss_kb"
  if ((key, 1) in value) {
    count["idle_mb", "weir", "rss_mb"] = 1; nth["idle_mb", "weir", "rss_mb", 1] = 1
    value["idle_mb", "weir", "rss_mb", 1] = value[key, 1] / 1024
  }
}

function plain(sizes, n, i, which) {
  print "## CPU per request (closed loop), microseconds\n"
  print "| body | nginx | HAProxy | Weir | HAProxy / nginx | Weir / nginx |\n|---|---|---|---|---|---|"
  n = split("1024 20480 307200", sizes, " ")
  for (i = 1; i <= n; i++) {
    which = "plain_" sizes[i]
    printf "| %d KB | %s | %s | %s | %s | **%s** |\n", sizes[i] / 1024, figure(which, "nginx", "cpu_us", 1), figure(which, "haproxy", "cpu_us", 1),
      figure(which, "weir", "cpu_us", 1), figure(which, "haproxy", "cpu_us", 2, 1, "nginx", "/"), figure(which, "weir", "cpu_us", 2, 1, "nginx", "/")
  }
  printf "\nRequests a second at 1 KB (load and upstream share a processor, so no capacity figure): nginx %s, HAProxy %s, Weir %s.\n\n",
    figure("plain_1024", "nginx", "rps", 0), figure("plain_1024", "haproxy", "rps", 0), figure("plain_1024", "weir", "rps", 0)
}

function streams(sizes, n, i, which, names, k, g) {
  print "## Open SSE streams\n"
  print "| streams | | CPU us/event | against nginx | KB/stream | MB before, open, closed | events per client read | delivered |"
  print "|---|---|---|---|---|---|---|---|"
  n = split("500 4000", sizes, " "); k = split("nginx haproxy weir", names, " ")
  for (i = 1; i <= n; i++) for (g = 1; g <= k; g++) {
    which = "streams_" sizes[i]
    printf "| %d | %s | %s | %s | %s | %.1f, %.1f, %.1f | %s | %s |\n", sizes[i], names[g], figure(which, names[g], "cpu_us", 2),
      figure(which, names[g], "cpu_us", 2, 1, "nginx", "/"), figure(which, names[g], "kb_a_stream", 1, 1),
      figure(which, names[g], "rss_before_kb", 0) / 1024, figure(which, names[g], "rss_open_kb", 0) / 1024,
      figure(which, names[g], "rss_after_kb", 0) / 1024, figure(which, names[g], "events_a_read", 2), figure(which, names[g], "delivered", 2)
  }
  print "\nAn event that leaves in the same write as another is nearly free, so the CPU figures compare only where \"events per client"
  print "read\" are alike; \"delivered\" is the share of the 25,000 events a second that arrived.\n"
}

function latency(names, k, g) {
  printf "## Latency at half load (open loop, %d requests a second of 1 KB), microseconds\n\n", value["rate" SUBSEP "all" SUBSEP "rate", 0]
  print "| | p50 | p90 | p99 | added p50 | added p99 | CPU us/request | against nginx |\n|---|---|---|---|---|---|---|---|"
  k = split("direct nginx haproxy weir", names, " ")
  for (g = 1; g <= k; g++)
    printf "| %s | %s | %s | %s | %s | %s | %s | %s |\n", names[g], figure("latency", names[g], "p50_us", 0), figure("latency", names[g], "p90_us", 0),
      figure("latency", names[g], "p99_us", 0), g == 1 ? "" : figure("latency", names[g], "p50_us", 0, 1, "direct", "-"),
      g == 1 ? "" : figure("latency", names[g], "p99_us", 0, 1, "direct", "-"), g == 1 ? "" : figure("latency", names[g], "cpu_us", 1),
      g == 1 ? "" : figure("latency", names[g], "cpu_us", 2, 1, "nginx", "/")
  print "\nHalf of what the slowest of the three did in the closed loop, the same for all. \"Added\" is against the upstream without a"
  print "gateway in the same round.\n"
}

function translate(k, n, names, titles, which) {
  print "## Translation: a 20 KB Anthropic request to an OpenAI target and its answer back, beside the same passed through\n"
  print "| | passed through, CPU us | translated, CPU us | translated / passed |\n|---|---|---|---|"
  n = split("translate_plain translate_stream", names, " "); split("request,stream event", titles, ",")
  for (k = 1; k <= n; k++) {
    which = names[k]
    printf "| %s | %s | %s | **%s** |\n", titles[k], figure(which, "claude-bench", "cpu_us", 2), figure(which, "claude-cross", "cpu_us", 2),
      figure(which, "claude-cross", "cpu_us", 2, 1, "claude-bench", "/")
  }
  printf "\nTarget: at most 2. Eight connections translating bodies of 1 MB: %s us a request, resident afterwards %.1f MB.\n\n",
    figure("translate_large", "claude-cross", "cpu_us", 0), figure("translate_memory", "claude-cross", "rss_kb", 0) / 1024
}

function ready() {
  print "## Start\n"
  print "| | to the first 200 of /health/ready, ms | to the line \"ready\", ms | SIGTERM to the end, ms |\n|---|---|---|---|"
  printf "| restart | %s | %s | %s |\n", figure("ready", "weir", "answer_ms", 1, 1), figure("ready", "weir", "line_ms", 1, 1), figure("ready", "weir", "end_ms", 1, 1)
  printf "| first start | %s | %s | %s |\n\n", figure("ready_new", "weir", "answer_ms", 1, 1), figure("ready_new", "weir", "line_ms", 1, 1), figure("ready_new", "weir", "end_ms", 1, 1)
}

function idle() {
  print "## Idle memory\n"
  printf "One request after the start, then idle, MB (all processes): nginx %.1f, HAProxy %.1f, Weir %.1f.\n\n", figure("idle", "nginx", "rss_kb", 0) / 1024,
    figure("idle", "haproxy", "rss_kb", 0) / 1024, figure("idle", "weir", "rss_kb", 0) / 1024
}

function failover(kinds, titles, k, n) {
  print "## Fail-over: the first target fails at once, the second answers; beside the second alone\n"
  print "| | p50 us | p99 us | added p50 us | added p99 us | CPU us/request | added CPU us |\n|---|---|---|---|---|---|---|"
  n = split("bench 500 refused", kinds, " "); split("second target alone,first answers 500,first refuses the connection", titles, ",")
  for (k = 1; k <= n; k++)
    printf "| %s | %s | %s | %s | %s | %s | %s |\n", titles[k], figure("failover", kinds[k], "p50_us", 0), figure("failover", kinds[k], "p99_us", 0),
      k == 1 ? "" : figure("failover", kinds[k], "p50_us", 0, 1, "bench", "-"), k == 1 ? "" : figure("failover", kinds[k], "p99_us", 0, 1, "bench", "-"),
      figure("failover_busy", kinds[k], "cpu_us", 1), k == 1 ? "" : figure("failover_busy", kinds[k], "cpu_us", 1, 1, "bench", "-")
  printf "\nLatency with one request at a time, processor time with 32. The failed attempt is in it: the first target's 500 takes a client\n"
  printf "without a gateway %s us (p50).\n\n", figure("failover", "attempt", "p50_us", 0)
}

function lifecycle(i, n, list, opened, cut) {
  print "## Reloads and upgrades under load\n"
  printf "- %d requests over 32 kept connections at full speed (%s a second), SIGHUP every 100 ms (%d times, %d reloads done): **%d failed**\n",
    value["reloads" SUBSEP "weir" SUBSEP "requests", 1], figure("reloads", "weir", "rps", 0), value["reloads" SUBSEP "asked" SUBSEP "count", 1],
    value["reloads" SUBSEP "done" SUBSEP "count", 1], value["reloads" SUBSEP "weir" SUBSEP "failed", 1]
  n = gather(list, "upgrade_streams", "weir", "streams", "", "")
  for (i = 1; i <= n; i++) opened += list[i]
  n = gather(list, "upgrade_streams", "weir", "failed", "", "")
  for (i = 1; i <= n; i++) cut += list[i]
  printf "- `weir upgrade` %d times, %d streams open from before the first to after the last, %d in all: **%d cut**; meanwhile %d requests over 8 kept\n",
    value["upgrades" SUBSEP "weir" SUBSEP "count", 1], value["upgrade_streams" SUBSEP "weir" SUBSEP "streams", 0], opened, cut,
    value["upgrade_requests" SUBSEP "weir" SUBSEP "requests", 1]
  printf "  connections (%d closed by their server between requests): **%d failed**. The slowest upgrade took %d ms; %d processes lived after the last.\n\n",
    value["upgrade_requests" SUBSEP "weir" SUBSEP "closed", 1], value["upgrade_requests" SUBSEP "weir" SUBSEP "failed", 1],
    value["upgrades" SUBSEP "weir" SUBSEP "slowest_ms", 1], value["upgrades" SUBSEP "weir" SUBSEP "processes", 1]
}

# Every NAME=VALUE of one case and gateway at or above a limit, in the order measured.
function listed(which, gateway, least, format, i, part, text, key) {
  for (i = 1; i <= orders[which]; i++) {
    split(order[which, i], part, SUBSEP)
    key = which SUBSEP part[1] SUBSEP part[2]
    if (part[1] == gateway && value[key, 1] >= least)
      text = text (text == "" ? "" : ", ") part[2] " " sprintf(format, value[key, 1])
  }
  return text == "" ? "-" : text
}

function sum_of(which, gateway, i, part, sum) {
  for (i = 1; i <= orders[which]; i++) {
    split(order[which, i], part, SUBSEP)
    if (part[1] == gateway) sum += value[which SUBSEP part[1] SUBSEP part[2], 1]
  }
  return sum
}

function costs(names, k, g) {
  if (has("syscalls")) {
    print "## System calls per request (1 KB, 32 connections, under strace)\n"
    print "| | sum | calls (from 0.005 a request) |\n|---|---|---|"
    k = split("nginx haproxy weir", names, " ")
    for (g = 1; g <= k; g++) printf "| %s | %.2f | %s |\n", names[g], sum_of("syscalls", names[g]), listed("syscalls", names[g], 0.005, "%.2f")
    print ""
  }
  if (has("allocations_1024"))
    printf "## Allocations per request, Weir\n\n| body | malloc, calloc, realloc | free |\n|---|---|---|\n| 1 KB | %s | %s |\n| 20 KB | %s | %s |\n| 300 KB | %s | %s |\n\n",
      figure("allocations_1024", "weir", "allocations", 1), figure("allocations_1024", "weir", "frees", 1), figure("allocations_20480", "weir", "allocations", 1),
      figure("allocations_20480", "weir", "frees", 1), figure("allocations_307200", "weir", "allocations", 1), figure("allocations_307200", "weir", "frees", 1)
  if (has("threads_user")) {
    print "## Where the time of a 1 KB request goes, Weir\n"
    printf "- by thread, us per request (scheduler's account): %s\n", listed("threads", "weir", 0.05, "%.1f")
    printf "- user and kernel, us per request (10 ms ticks): %s\n", listed("threads_user", "weir", 0, "%.1f")
    if (has("profile_dso")) printf "- by binary, %% (perf): %s\n", listed("profile_dso", "weir", 0.5, "%.1f")
    if (has("profile_symbol")) printf "- functions outside the kernel from 0.5 %%: %s\n", listed("profile_symbol", "weir", 0.5, "%.1f")
    print ""
  }
}

END {
  printf "# Weir %s beside nginx %s and HAProxy %s\n\n", machine["weir"], machine["nginx"], machine["haproxy"]
  printf "%s, %d cores, %s, %s, kernel %s. %s, commit %s, %d rounds, load average at the start %s.\n",
    machine["machine"], machine["cores"], machine["memory"], machine["system"], machine["kernel"], machine["date"], machine["commit"], machine["rounds"], machine["load"]
  print "Made by `make bench`; bench/README.md says how. Figures are medians, in brackets the least and the most of the rounds."
  if (machine["quick"] != 0) print "**A quick run: for trying out, not for quoting.**"
  if (failed + broken > 0) printf "**%d failed requests or streams, %d runs without a figure: see the run's messages.**\n", failed, broken
  print ""
  targets()
  if (has("plain_1024")) plain()
  if (has("streams_500")) streams()
  if (has("latency")) latency()
  if (has("translate_plain")) translate()
  if (has("idle")) idle()
  if (has("ready") || has("ready_new")) ready()
  if (has("failover")) failover()
  if (has("upgrades")) lifecycle()
  costs()
}
