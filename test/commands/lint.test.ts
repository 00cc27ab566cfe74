import assert from 'node:assert/strict';
import { chmod, rm, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { openInstallation, runnerToml, TOKEN, type Installation } from './support.ts';

const url = 'https://gitlab.example.com/';
const usual = runnerToml('one', { url, token: TOKEN });

let installation: Installation;
beforeEach(async () => {
  installation = await openInstallation(() => usual);
});
afterEach(() => installation.close());

describe('lint', () => {
  it('ends with 0 for a file that run accepts without a warning', async () => {
    const { exitCode, stderr } = await installation.run(['lint']);
    assert.equal(exitCode, 0, stderr);
    assert.match(stderr, /Config file is fine .*runners=1/);
  });

  const doubtful: readonly [text: string, complaint: RegExp, why: string][] = [
    [`banana = 1\n${usual}`, /WARNING: config keys are unknown .*banana/, 'an unknown key'],
    [`sentry_dsn = "x"\n${usual}`, /not supported yet .*sentry_dsn/, 'a key without effect'],
  ];
  for (const [text, complaint, why] of doubtful) {
    it(`ends with 2 when there are warnings alone: ${why}`, async () => {
      await writeFile(installation.configPath, text);
      const { exitCode, stderr } = await installation.run(['lint']);
      assert.equal(exitCode, 2);
      assert.match(stderr, complaint);
    });
  }

  const faulty: readonly [text: string, complaint: RegExp, why: string][] = [
    ['\n', /config\.toml: the file is empty/, 'nothing in it'],
    [usual.replace(TOKEN, `${TOKEN} x`), /"token\\?" has white space/, 'a token with blanks'],
    [
      `${usual}\n    volumes = ["a:b:c:d"]`,
      /invalid volume specification .*a:b:c:d/,
      'a volume that is none',
    ],
    [
      `banana = 1\n${usual.replace('executor', 'limit = "x"\n  id = "y"\n  executor')}`,
      /banana[^]*runners\[0\]\.id: expected a whole number[^]*runners\[0\]\.limit: expected/,
      'all faults at once',
    ],
    [usual.replace('"docker"', '"shell"'), /runner skipped .*"shell"/, 'an entry that is not run'],
    ['[[runners]', /FATAL: .*config\.toml:1:\d+: this is not TOML/, 'no TOML'],
    ['concurrent = "x"', /concurrent: expected a whole number, got "x"/, 'a wrong type'],
  ];
  for (const [text, complaint, why] of faulty) {
    it(`ends with 1 and says why: ${why}`, async () => {
      await writeFile(installation.configPath, text);
      const { exitCode, stderr } = await installation.run(['lint']);
      assert.equal(exitCode, 1);
      assert.match(stderr, complaint);
      assert.ok(!stderr.includes(TOKEN), 'no token in the log');
    });
  }

  it('reports that others may read the tokens', async () => {
    await chmod(installation.configPath, 0o644);
    const { exitCode, stderr } = await installation.run(['lint']);
    assert.equal(exitCode, 2);
    assert.match(stderr, /others may read it: chmod 600/);
  });

  it('reports a missing file', async () => {
    await rm(installation.configPath);
    const { exitCode, stderr } = await installation.run(['lint']);
    assert.equal(exitCode, 1);
    assert.match(stderr, /config\.toml: no such file: name another one with --config/);
  });
});
