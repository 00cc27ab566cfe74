import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { describeProcess } from '../../../src/adapters/state/process-identity.ts';

const MODULE = new URL('../../../src/adapters/state/process-identity.js', import.meta.url).href;
/** Opens files until no more can be opened, and then describes its own process. */
const SHORT_OF_FILES = `
  import { openSync } from 'node:fs';
  const { describeProcess } = await import('${MODULE}');
  try { for (;;) openSync('/dev/null'); } catch {}
  console.log(await describeProcess(process.pid).catch((error) => error.code));`;

describe('the description of a process', () => {
  it('is the same each time, and `ended` after its end', async () => {
    const child = spawn('sleep', ['300']);
    await once(child, 'spawn');
    const pid = child.pid ?? 0;
    const living = await describeProcess(pid);
    assert.equal(await describeProcess(pid), living);
    assert.notEqual(living, await describeProcess(process.pid));
    child.kill();
    await once(child, 'exit');
    assert.equal(await describeProcess(pid), 'ended');
  });

  it('fails while no file can be opened: the process may live', async () => {
    const command = 'ulimit -n 64; exec "$0" --input-type=module -e "$1"';
    const args = ['-c', command, process.execPath, SHORT_OF_FILES];
    const { stdout } = await promisify(execFile)('sh', args);
    assert.equal(stdout.trim(), 'EMFILE');
  });
});
