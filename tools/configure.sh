#!/bin/sh
# configure.sh DIR [MESON OPTION...]: makes DIR a Meson build folder, or brings it up to date when fuzz targets came or went
# (Meson cannot see new files by itself). Called by the Makefile only.
set -eu
dir=$1
shift
targets=$(ls tests/fuzz/fuzz_*.c 2>/dev/null || true)
if [ ! -f "$dir/build.ninja" ]; then
  mkdir -p "$(dirname "$dir")"
  meson setup "$dir" "$@" >"$dir.log" 2>&1 || {
    cat "$dir.log" >&2
    exit 1
  }
elif [ "$targets" != "$(cat "$dir/fuzz-targets" 2>/dev/null || true)" ]; then
  meson setup --reconfigure "$dir" >"$dir.log" 2>&1 || {
    cat "$dir.log" >&2
    exit 1
  }
fi
echo "$targets" >"$dir/fuzz-targets"
