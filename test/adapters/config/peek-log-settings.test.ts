import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { peekLogSettings } from '../../../src/adapters/config/peek-log-settings.ts';

describe('the log format before the config file is read', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tgr-peek-'));
  });
  after(() => rm(directory, { recursive: true }));

  const cases: [text: string, level?: string | undefined, format?: string][] = [
    ['log_format = "json"\nlog_level = "warn"\n', 'warn', 'json'],
    ["concurrent = 2\n  log_format='text' # for people\n", undefined, 'text'],
    ['log_format = "json"\n[[runners]\n', undefined, 'json'],
    ['log_level = "TRACE"\n', 'debug'],
    ['log_level = "Warning"\n', 'warning'],
    ['log_level = "loud"\n'],
    ['[[runners]]\nlog_format = "json"\n'],
    ['# log_format = "json"\n'],
    ['log_format = "xml"\n'],
    [''],
  ];
  for (const [text, level, format] of cases) {
    it(`is ${format ?? 'unknown'} for ${JSON.stringify(text)}`, async () => {
      const path = join(directory, 'config.toml');
      await writeFile(path, text);
      assert.deepEqual(peekLogSettings(path), { level, format });
    });
  }

  it('is unknown without a file', () => {
    const path = join(directory, 'absent.toml');
    assert.deepEqual(peekLogSettings(path), { level: undefined, format: undefined });
  });
});
