#!/bin/sh
# Runs the SDK tests against built binaries and prints TAP on standard output; everything else goes to standard error.
#   WEIR, WEIR_SIM   the binaries (build/weir, build/weir-sim)
#   WEIR_POSTGRES    makes a PostgreSQL server (build/release/tests/support/postgres_server)
#   SDK_OUT          where the compiled tests go (build/sdk)
#   WEIR_DIRECT=1    talk to the simulator without a gateway; tests that need one are skipped
#   tests/sdk/run.sh [NAME...]   only these files, such as "openai errors"
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
WEIR=${WEIR:-$root/build/weir}
WEIR_SIM=${WEIR_SIM:-$root/build/weir-sim}
WEIR_POSTGRES=${WEIR_POSTGRES:-$root/build/release/tests/support/postgres_server}
out=${SDK_OUT:-$root/build/sdk}
WEIR_ROOT=$root
export WEIR WEIR_SIM WEIR_POSTGRES WEIR_ROOT
NPM=${NPM:-npm}
NODE=${NODE:-node}

cd "$here"
stamp=node_modules/.weir-stamp
if ! cmp -s package-lock.json "$stamp" 2>/dev/null; then
  "$NPM" ci --no-fund --no-audit >&2
  cp package-lock.json "$stamp"
fi
mkdir -p "$out"
# The types of the control API, from the document of the program that is tested: src/admin.test.ts is checked against them.
"$WEIR" openapi >"$out/openapi.json"
mkdir -p generated
"$NODE" node_modules/openapi-typescript/bin/cli.js "$out/openapi.json" -o "$out/api.d.ts" >&2
mv "$out/api.d.ts" generated/api.d.ts
# Compiled files find their packages through the link, and are modules because of the package file.
ln -sfn "$here/node_modules" "$out/node_modules"
printf '{"type":"module"}\n' >"$out/package.json"
rm -f "$out"/*.js "$out"/*.js.map
"$NODE" node_modules/typescript/bin/tsc -p tsconfig.json --outDir "$out" >&2

files=
if [ $# -gt 0 ]; then
  for name in "$@"; do files="$files $out/$name.test.js"; done
else
  files=$(ls "$out"/*.test.js)
fi
# shellcheck disable=SC2086 # the list is meant to be split
exec "$NODE" --enable-source-maps --test --test-reporter=tap --test-concurrency="${SDK_JOBS:-2}" $files
