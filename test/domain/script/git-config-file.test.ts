import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { formatGitConfig } from '../../../src/domain/script/git-config-file.ts';

describe('a config file of git', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tgr-config-'));
  after(() => rmSync(dir, { recursive: true, force: true }));

  const readByGit = (content: string): readonly string[] => {
    writeFileSync(join(dir, 'config'), content);
    const args = ['config', '--no-includes', '-z', '-f', join(dir, 'config'), '--list'];
    return execFileSync('git', args, { encoding: 'utf8' }).split('\0').slice(0, -1);
  };

  it('is read by git with the intended values', () => {
    const content = formatGitConfig([
      { section: 'init', entries: [['defaultBranch', 'none']] },
      {
        section: 'credential',
        subsection: 'https://h',
        entries: [
          ['helper', ''],
          ['helper', '!f(){ "$1" ; } # x'],
        ],
      },
    ]);
    assert.deepEqual(readByGit(content), [
      'init.defaultbranch\nnone',
      'credential.https://h.helper\n',
      'credential.https://h.helper\n!f(){ "$1" ; } # x',
    ]);
  });

  it('can contain any value and any address, and none of them becomes another setting', () => {
    const text = fc
      .array(
        fc.oneof(
          fc.constantFrom('"', '\\', '\n[core]\n\tfsmonitor = x\n', ']', '#', ';', ' ', '\t', '\r'),
          fc.string({ unit: 'binary' }),
        ),
        { maxLength: 5 },
      )
      .map((parts) => parts.join(''));
    const property = fc.property(text, text, (url, value) => {
      const content = formatGitConfig([
        { section: 'url', subsection: url, entries: [['insteadOf', value]] },
      ]);
      const name = `url.${url.replace(/[\r\n\0]/g, '')}.insteadof`;
      assert.deepEqual(readByGit(content), [`${name}\n${value.replace(/[\r\0]/g, '')}`]);
    });
    fc.assert(property, { numRuns: 150 });
  });
});
