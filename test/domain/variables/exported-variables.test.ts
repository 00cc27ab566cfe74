import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { finishVariables, parseExports } from '../../../src/domain/variables/exported-variables.ts';
import { contextOf } from '../job/context-fixture.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('the GITLAB_ENV file', () => {
  const cases: readonly (readonly [text: string, lines: readonly string[], why: string])[] = [
    ['OUT=made\n', ['OUT=made'], 'a line'],
    ['A=1\nB=2', ['A=1', 'B=2'], 'the last line needs no end'],
    ['A=1\nB=2\nA=3\n', ['A=3', 'B=2'], 'the last of a name counts'],
    [' \tA=a b \t\n', ['A=a b'], 'blanks around a line go, as they do for `read`'],
    ['A="x"=$HOME `id`\r\n', ['A="x"=$HOME `id`\r'], 'a value is taken as it is'],
    ['A=\n', ['A='], 'a value may be empty'],
    ['9A=1\nA B=1\nA-B=1\n=1\nA\n\n{\n', [], 'no line is KEY=value'],
    ['A=1\0\nB=\0\n', [], 'no process can be handed a NUL'],
    ['\uFEFFA=1\n', [], 'a byte order mark is no name'],
    [`A=${' '.repeat(200_000)}x\n`, [`A=${' '.repeat(200_000)}x`], 'blanks cost no time'],
  ];
  for (const [text, lines, why] of cases) {
    it(`${why}: ${JSON.stringify(text.slice(0, 30))}`, () => {
      assert.deepEqual(parseExports(encode(text)), lines);
    });
  }
});

describe('variables after the scripts', () => {
  const context = contextOf({ job: { variables: [{ key: 'OUT', value: 'of the job' }] } });
  const see = (exports?: readonly string[]) =>
    finishVariables(exports === undefined ? context : { ...context, exports }, {
      jobStatus: 'running',
    });

  it('are those of the job, then those that the scripts pass on', () => {
    const variables = see(['OUT=made', 'NEW=a=b']);
    assert.equal(variables.get('OUT'), 'made');
    assert.equal(variables.get('NEW'), 'a=b');
    const lines = variables.environment().filter((line) => /^(OUT|NEW)=/.test(line));
    assert.deepEqual(lines, ['OUT=made', 'NEW=a=b']);
    assert.ok(variables.environment().some((line) => line.startsWith('CI_PROJECT_DIR=')));
  });

  it('do not change what the runner itself expands, such as keys of caches', () => {
    const variables = see(['OUT=made', 'GIT_STRATEGY=none', 'FF_TIMESTAMPS=false']);
    assert.equal(variables.expand('$OUT'), 'of the job');
    assert.equal(
      variables.featureFlags.isOn('FF_TIMESTAMPS'),
      see().featureFlags.isOn('FF_TIMESTAMPS'),
    );
    assert.equal(variables.projectDir, see().projectDir);
  });
});
