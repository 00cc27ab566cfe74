#!/usr/bin/env bash
# tar-stream 3.2.2 writes the owner of a file in six octal digits and says nothing when it does not fit.
# An id above 262143 becomes 262143: user 300000 of a container does not get its own file back. An id
# above that limit is legal in both forms that tar has for it (a pax record, or base 256), and of a pax
# record that carries one tar-stream reads the name and the size, but not the owner. It matters where
# user namespaces map ids: images run as 1000700000 on OpenShift, or as whatever a cluster hands out.
# Exits with 0 while this is so.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund tar-stream@3.2.2
cat >try.cjs <<'JS'
const { pack, extract } = require('tar-stream');
const { once } = require('node:events');

async function written(uid) {
  const archive = pack();
  archive.entry({ name: 'file', uid, gid: uid }, '');
  archive.finalize();
  const chunks = [];
  for await (const chunk of archive) chunks.push(chunk);
  return parseInt(Buffer.concat(chunks).toString('latin1', 108, 116), 8);
}

function field(text, length) {
  return Buffer.from(text.padEnd(length, '\0'), 'latin1');
}

function header(name, type, size) {
  const block = Buffer.alloc(512);
  field(name, 100).copy(block, 0);
  for (const [at, text] of [[100, '0000644'], [108, '0000000'], [116, '0000000'], [136, '00000000000']]) block.write(text, at, 'latin1');
  block.write(size.toString(8).padStart(11, '0'), 124, 'latin1');
  block.write(type, 156, 'latin1');
  block.write('ustar\u000000', 257, 'latin1');
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

async function readFromPax(uid) {
  const body = ` uid=${uid}\n`;
  const record = `${body.length + 2}${body}`;
  const pax = Buffer.concat([header('pax', 'x', record.length), field(record, 512)]);
  const reader = extract();
  let found;
  reader.on('entry', (entry, stream, next) => {
    found = entry.uid;
    stream.resume();
    next();
  });
  reader.end(Buffer.concat([pax, header('file', '0', 0), Buffer.alloc(1024)]));
  await once(reader, 'finish');
  return found;
}

(async () => {
  const results = { 'written 262143': await written(262143), 'written 300000': await written(300000), 'read from a pax record of 300000': await readFromPax(300000) };
  console.log("tar-stream 3.2.2", results);
  const [fits, large, pax] = Object.values(results);
  process.exit(fits === 262143 && large === 262143 && pax === 0 ? 0 : 1);
})();
JS
node try.cjs
