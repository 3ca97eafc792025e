#!/bin/sh
# store.sh: the store on SQLite and on a PostgreSQL server of its own: rows of the ledger a second and processor time
# per row, adding up, pages of the request log and questions about usage over many rows, bringing up an older ledger.
# `make bench` calls it after run.sh; bench_store.c says what each case does.
#
#   QUICK=1      few rows, for trying out (figures not to be quoted)
#   ROWS=N       rows of the large ledger (10000000)
#   DATABASES=   "sqlite postgres", or one of them
#   RESULT=FILE  where the result goes besides standard output
#                (bench/results/DATE-store-MACHINE.md after a full run, else nowhere)
#   BENCH_BUILD=DIR  where the measuring programs are built (build/bench-store)
#
# A full run takes some 8 minutes on two quiet processors, half of it PostgreSQL's; no case is waited for longer than 30
# minutes. Needs some 15 GB under /tmp for the large ledgers. Ends only what it started, leaves nothing behind but the
# result.
set -eu
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/.."
tools=${BENCH_BUILD:-build/bench-store}
quick=${QUICK:-}
if [ -n "$quick" ]; then
  rows=${ROWS:-200000} sample=50000 times=20 older=50000
else
  rows=${ROWS:-10000000} sample=500000 times=100 older=1000000
fi
work=$(mktemp -d /tmp/weir-bench-store.XXXXXX)
server=

finish() {
  exec 8>&- || true
  [ -z "$server" ] || wait "$server" || true
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

if [ ! -f "$tools/build.ninja" ]; then
  meson setup "$tools" --buildtype=release -Dbench=true >"$work/setup.log" 2>&1 || { cat "$work/setup.log" >&2; exit 1; }
fi
ninja -C "$tools" --quiet bench/bench_store tests/support/postgres_server >"$work/build.log" 2>&1 || {
  cat "$work/build.log" >&2
  exit 1
}
bench=$tools/bench/bench_store

# A PostgreSQL server that lives until descriptor 8 is closed; "new" gives one more database.
mkfifo "$work/to"
"$tools/tests/support/postgres_server" --as-installed <"$work/to" >"$work/from" &
server=$!
exec 8>"$work/to"
databases=0
new_database() {
  databases=$((databases + 1))
  [ $databases = 1 ] || echo new >&8
  tries=0
  until [ "$(wc -l <"$work/from")" -ge $databases ] || [ $tries -gt 300 ]; do
    sleep 0.1
    tries=$((tries + 1))
  done
  address=$(sed -n "${databases}p" "$work/from")
  [ -n "$address" ] || { echo "bench: no PostgreSQL server" >&2; exit 1; }
}

say() { printf '%s\n' "$*" | tee -a "$work/result.md"; }
# One line of the result: what, then the words the program prints.
measure() {
  what=$1
  shift
  timeout 1800 "$bench" "$@" >"$work/out" || { echo "bench: $what: failed or took too long" >&2; exit 1; }
  sed "s|^|$what: |" "$work/out" | tee -a "$work/result.md"
}

of_database() {
  case $1 in
    sqlite) set -- --sqlite "$work/$2.db" ;;
    *) set -- --postgres "$address" --server-pid "$(pgrep -P "$server" | head -n 1)" ;;
  esac
  printf '%s\n' "$@"
}

say "# The store: ledger, request log, usage"
say ""
say "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores, kernel $(uname -r). $(date -u +'%Y-%m-%d %H:%M') UTC,"
say "commit $(git rev-parse --short HEAD), load average at the start $(cut -d' ' -f1-3 /proc/loadavg). Made by \`sh bench/store.sh\`,"
say "$rows rows over 30 days of 500 keys, 250 people, 12 models; SQLite and PostgreSQL $(pg_config --version 2>/dev/null | cut -d' ' -f2)."
say ""
say '```'
for database in ${DATABASES:-sqlite postgres}; do
  [ "$database" = sqlite ] || new_database
  # shellcheck disable=SC2046 # words
  set -- $(of_database "$database" sample)
  measure "$database, $sample rows in batches of 1000" fill "$@" --rows "$sample" --days 1 --age-days 60
  measure "$database, bringing up $sample rows of version 4" migrate "$@"
  [ "$database" = sqlite ] || new_database
  # shellcheck disable=SC2046
  set -- $(of_database "$database" older)
  measure "$database, $older rows in batches of 2000" fill "$@" --rows "$older" --batch 2000
  measure "$database, bringing up $older rows of version 4" migrate "$@"
  rm -f "$work"/sample.db* "$work"/older.db*
  [ "$database" = sqlite ] || new_database
  # shellcheck disable=SC2046
  set -- $(of_database "$database" large)
  measure "$database, $rows rows in batches of 2000" fill "$@" --rows "$rows" --batch 2000
  measure "$database, adding up all of them" roll-up "$@"
  "$bench" settle "$@" >/dev/null
  measure "$database, over $rows rows" ask "$@" --times $times
  measure "$database, adding up again" roll-up-again "$@" --times 10
  rm -f "$work"/large.db*
done
say '```'
say ""
say "Targets: a page of the request log (log-*) under 50 ms, a question about usage (usage-*) under 200 ms, at p99."
say "cpu_: of this program and the database's server together, for one question. rare-: of one row in 14,000."
result=${RESULT:-}
if [ -z "$result" ] && [ -z "$quick" ]; then
  processor=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1 | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9-' | tr -s - | cut -c1-40)
  result=bench/results/$(date -u +%Y-%m-%d)-store-${processor:-machine}-$(nproc)-cores.md
fi
[ -z "$result" ] || cp "$work/result.md" "$result"
