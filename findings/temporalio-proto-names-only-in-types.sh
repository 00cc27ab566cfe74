#!/usr/bin/env bash
# @temporalio/proto 1.24.0, the package of all of Temporal's messages, cannot be used from an ES module as
# its own types say. TypeScript takes `import { temporal } from '@temporalio/proto'` with the settings
# for Node's modules, and without a complaint; Node refuses to load the program, because the generated
# file is CommonJS and hides its names from Node's look for exports. Only the import of the default
# passes both. It matters to whoever writes a payload codec or reads histories in an ES module: compiling
# finds nothing, and the program ends before its first line.
# Exits with 0 while this is so.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @temporalio/proto@1.24.0 typescript@6.0.3
cat >by-name.mts <<'TS'
import { temporal } from '@temporalio/proto';
console.log('loaded', typeof temporal.api.common.v1.Payload.encode);
TS
cat >by-default.mts <<'TS'
import proto from '@temporalio/proto';
console.log('loaded', typeof proto.temporal.api.common.v1.Payload.encode);
TS
compile() { node_modules/.bin/tsc --strict --module nodenext --target es2022 --skipLibCheck "$1"; }
compile by-name.mts && echo 'by-name.mts: TypeScript 6.0.3 has no complaint'
if node by-name.mjs >by-name.txt 2>&1; then
  echo 'by-name.mjs: loaded' && exit 1
fi
echo "by-name.mjs: $(grep -m1 SyntaxError by-name.txt)"
grep -q "SyntaxError: Named export 'temporal' not found" by-name.txt
compile by-default.mts && echo "by-default.mts: TypeScript has no complaint; by-default.mjs: $(node by-default.mjs)"
