import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createConfigSource } from '../../../src/adapters/config/config-file.ts';
import { FinalError } from '../../../src/domain/failure.ts';
import { recordingLog } from '../../support/recording-log.ts';

const TOKEN = 'glrt-t1_AbCdEfGhIjKlMn';
const entryOf = (name: string, token: string, rest = ''): string => `
[[runners]]
  name = "${name}"
  url = "https://gitlab.example.com/"
  token = "${token}"
  executor = "docker"
${rest}
`;
const ONE = entryOf('one', TOKEN);
const BROKEN_ENTRY = entryOf('one', TOKEN, '  limit = "many"');

const GONE = 'warn config file is gone, its last good settings stay in force';
const GOOD_AGAIN = 'info config file is good again, its settings are in force';
const SAME = 'debug config reloaded: nothing changed';

let directory = '';
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tgr-reload-'));
});
after(() => rm(directory, { recursive: true, force: true }));

/**
 * The log lines for each of these files when it is read after the ones before it; undefined: no
 * line.
 */
async function readAll(files: readonly (string | undefined)[]) {
  const path = join(await mkdtemp(join(directory, 'case-')), 'config.toml');
  const { log, said } = recordingLog();
  const source = createConfigSource({ path, env: {}, log });
  const told: (readonly string[])[] = [];
  for (const text of files) {
    const from = said.length;
    if (text === undefined) await rm(path, { force: true });
    else await writeFile(path, text, { mode: 0o600 });
    await source.load().catch((error: unknown) => {
      if (!(error instanceof FinalError)) throw error;
    });
    told.push(
      said.slice(from).map(({ level, message, fields }) => {
        const { changes, runner_name: name } = fields;
        const shown = [`${level} ${message}`, name, changes && JSON.stringify(changes)];
        return shown.filter(Boolean).join(' ');
      }),
    );
  }
  return { told, said, source };
}

describe('a reload of config.toml', () => {
  it('logs nothing about the first reading, and little about one without changes', async () => {
    const { told } = await readAll([ONE, ONE, `# a comment\n${ONE}`]);
    assert.deepEqual(told, [[], [SAME], [SAME]]);
  });

  it('logs changes once: a line for the global settings, and one for each entry', async () => {
    const changed = `concurrent = 4\n${entryOf('one', TOKEN, '  limit = 2\n  environment = ["A=hush"]\n  [runners.docker]\n    image = "ruby:3.4"')}`;
    const { told, said } = await readAll([ONE, changed, changed]);
    assert.deepEqual(told.slice(1), [
      [
        'info config reloaded: settings changed ["concurrent: 1 → 4"]',
        'info config reloaded: runner changed one ["runners.limit: 0 → 2","runners.environment: changed","runners.docker.image: not set → ruby:3.4"]',
      ],
      [SAME],
    ]);
    assert.doesNotMatch(JSON.stringify(said), new RegExp(`hush|${TOKEN}`));
  });

  it('names entries that come, go, or get another token', async () => {
    const two = entryOf('two', 'glrt-t1_other-token');
    const { told, said } = await readAll([
      ONE,
      ONE + two,
      entryOf('one', 'glrt-new-token') + two,
      two,
    ]);
    assert.deepEqual(told.slice(1), [
      ['info config reloaded: runner added two'],
      ['info config reloaded: runner changed one ["runners.token: changed"]'],
      ['info config reloaded: runner removed one'],
    ]);
    assert.doesNotMatch(JSON.stringify(said), /glrt-/);
  });

  it('logs that a broken file is good again, and what has changed', async () => {
    const { told, source } = await readAll([
      ONE,
      '[[runners',
      '[[runners',
      `concurrent = 2\n${ONE}`,
    ]);
    assert.deepEqual(told, [
      [],
      [],
      [],
      [GOOD_AGAIN, 'info config reloaded: settings changed ["concurrent: 1 → 2"]'],
    ]);
    assert.equal(source.current().concurrent, 2);
  });

  it('keeps the good settings when the file is gone, and logs that once', async () => {
    const { told, source } = await readAll([ONE, undefined, undefined]);
    assert.deepEqual(told, [[], [GONE], []]);
    assert.equal(source.current().runners.length, 1);
  });

  it('logs that a missing file is there again', async () => {
    const { told } = await readAll([ONE, undefined, '[[runners', undefined, ONE]);
    assert.deepEqual(told, [[], [GONE], [], [GONE], [GOOD_AGAIN, SAME]]);
  });

  it('logs that a broken entry is good again', async () => {
    const kept = 'warn runner goes on with its last good settings one';
    const mended = 'info runner is good again, its settings are in force one';
    const { told } = await readAll([ONE, BROKEN_ENTRY, BROKEN_ENTRY, ONE, BROKEN_ENTRY]);
    assert.deepEqual(told, [[], [kept, SAME], [SAME], [mended, SAME], [kept, SAME]]);
  });

  it('treats a file that never existed like an empty one', async () => {
    const { told, source } = await readAll([undefined, undefined, ONE]);
    assert.deepEqual(told, [[], [SAME], ['info config reloaded: runner added one']]);
    assert.equal(source.current().runners.length, 1);
  });
});
