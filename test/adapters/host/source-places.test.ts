import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { createSourceNamer } from '../../../src/adapters/host/source-places.ts';
import { CLI } from '../../support/command.ts';

let directory = '';
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tgr-places-'));
  // The second column of the third line is the fifth column of the eleventh line of the source.
  const map = { version: 3, sources: ['../src/a.ts'], names: [], mappings: ';;CAUI' };
  await writeFile(join(directory, 'a.js.map'), JSON.stringify(map));
  await writeFile(join(directory, 'broken.js.map'), '{');
});
after(() => rm(directory, { recursive: true, force: true }));

describe('a stack', () => {
  const name = (place: string): string => {
    const error = Object.assign(new Error('x'), { stack: `Error: x\n    at ${place}` });
    return createSourceNamer(directory)(error);
  };
  const source = (): string => `file://${join(directory, '../src/a.ts')}:11:5`;

  it('names the source of an ES module and of another', () => {
    assert.equal(name(`f (file://${directory}/a.js:3:2)`), `Error: x\n    at f (${source()})`);
    assert.equal(name(`${directory}/a.js:3:2`), `Error: x\n    at ${source()}`);
  });

  it('keeps what there is no map for, and places outside of the program', () => {
    const places = [
      `f (file://${directory}/missing.js:3:2)`,
      `f (file://${directory}/broken.js:3:2)`,
      `f (file://${directory}/a.js:1:1)`,
      'f (/elsewhere/a.js:3:2)',
      'process.processTicksAndRejections (node:internal/process/task_queues:95:5)',
    ];
    for (const place of places) assert.equal(name(place), `Error: x\n    at ${place}`);
  });
});

describe('the program as people run it', () => {
  /** Returns what the program writes to stderr before it fails. */
  async function failure(args: readonly string[]): Promise<string> {
    const error: unknown = await promisify(execFile)(process.execPath, args).then(
      () => assert.fail('the program did not fail'),
      (reason: unknown) => reason,
    );
    return (error as { readonly stderr: string }).stderr;
  }

  it('names files and lines of the sources in stacks of its log', async () => {
    const config = join(directory, 'config.toml');
    await writeFile(config, 'concurrent = "x"');
    const stderr = await failure([CLI, '--debug', 'list', '--config', config]);
    assert.match(stderr, /FinalError: \S+: concurrent: expected a whole number/);
    const place = /at readConfig \(file:\/\/\S+\/src\/adapters\/config\/read-config\.ts:\d+:\d+\)/;
    assert.match(stderr, place);
    assert.doesNotMatch(stderr, /dist\/program/);
  });

  it('names them when it crashes', async () => {
    // The program's first output begins a crash outside of everything that catches errors.
    const breaking = `process.stdout.write = () => {
      const error = new Error('broken');
      queueMicrotask(() => { throw error; });
      return true;
    }`;
    const url = `data:text/javascript,${encodeURIComponent(breaking)}`;
    const stderr = await failure(['--import', url, CLI, '--version']);
    assert.match(stderr, /^Error: broken$/m);
    assert.match(stderr, /at .*\(file:\/\/\S+\/src\/commands\/main\.ts:\d+:\d+\)/);
  });
});
