#!/bin/sh
# lint.sh JOBS: everything that is checked without running the program. Goes through all checks even if one fails, so that one run
# shows everything; exit status 1 if any failed. `make lint` calls it after the set-up.
set -u
jobs=$1
failed=
release=build/release
clang=build/clang

# $1: what it is; the rest: the command. Shows the command's output only when it fails.
check() {
  name=$1
  shift
  started=$(date +%s)
  if "$@" >build/lint.log 2>&1 </dev/null; then result=ok; else
    result=FAILED
    failed="$failed $name"
    cat build/lint.log
  fi
  printf '%-6s %-14s %4d s\n' "$result" "$name" "$(($(date +%s) - started))"
}

build_with_gcc() { sh tools/configure.sh $release && ninja -C $release --quiet; }
build_with_clang() { CC=clang sh tools/configure.sh $clang && ninja -C $clang --quiet; }
format() { git ls-files -z -- '*.c' '*.h' | xargs -0 clang-format --dry-run -Werror; }
house() { $release/tools/house .; }
shell() { git ls-files -z -- '*.sh' .ci/run | xargs -0 shellcheck; }

spelling() {
  git ls-files -z -- ':!LICENSE' ':!tests/fuzz/corpus' ':!tests/fixtures' ':!*package-lock.json' |
    xargs -0 codespell --ignore-words tools/words.txt
}

# The headers are checked where they are included. One compiler run a file, spread over the processors.
tidy() {
  git ls-files -- 'src/*.c' 'tools/*.c' | grep -v -x -F "$(not_compiled)" |
    xargs -P "$jobs" -n 2 clang-tidy --quiet -p $clang
}

# Sources Meson does not compile on this machine (another processor's), which clang-tidy would only guess about.
not_compiled() {
  git ls-files -- 'src/*.c' 'tools/*.c' | while read -r file; do
    grep -q "/$file\"" $clang/compile_commands.json || echo "$file"
  done
  echo /none
}

cpp() {
  git ls-files -- 'src/*.c' 'tools/*.c' 'tests/*.c' >build/cppcheck.files
  mkdir -p build/cppcheck
  cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 -j "$jobs" \
    --cppcheck-build-dir=build/cppcheck --suppressions-list=tools/cppcheck.txt -D__linux__=1 -D__x86_64__=1 -D__GNUC__=12 \
    -DWEIR_VERSION='"0"' -DTEST_FIXTURES='""' --library=tools/cppcheck.cfg \
    -I src -I tests --file-list=build/cppcheck.files
}

mkdir -p build
check gcc build_with_gcc
check clang build_with_clang
check clang-format format
check house house
check codespell spelling
check shellcheck shell
check cppcheck cpp
check clang-tidy tidy
if [ -n "$failed" ]; then
  echo "lint: failed:$failed"
  exit 1
fi
echo "lint: all good"
