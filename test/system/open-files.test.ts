import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { it } from 'node:test';
import { promisify } from 'node:util';
import { openInstallation } from '../support/installation.ts';
import { startWithLimit } from '../support/faults/open-files-faults.ts';

it('a runner that may open only 52 files does not start, and says how many it needs', async (t) => {
  const installation = await openInstallation();
  t.after(() => installation.close());
  const runner = startWithLimit(installation, 52);
  assert.equal(await runner.whenExit(60_000), 1);
  assert.match(
    runner.lines.at(-1) ?? '',
    /this process may open 52 files only, and needs at least 256; raise it: `ulimit -n`/,
  );
});

it('the program loads with an eighth fewer files than it asks for: that is the reserve', async () => {
  const modules = ['../../src/commands/main.js', '../../src/worker.js'];
  const urls = modules.map((path) => new URL(path, import.meta.url).href);
  const program = `await Promise.all(${JSON.stringify(urls)}.map((url) => import(url))); process.exit();`;
  const limited = 'ulimit -n 224 && exec "$0" --input-type=module --eval "$1"';
  await promisify(execFile)('sh', ['-c', limited, process.execPath, program]);
});
