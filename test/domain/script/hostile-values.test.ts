import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import fc from 'fast-check';
import { quote } from '../../../src/domain/script/quote.ts';
import {
  describeForShells,
  openWorkplace,
  steps,
  variable,
  type Workplace,
} from './support/stage-runs.ts';

/** Each of these runs `touch canary` where a quote is missing. */
const FRAGMENTS = [
  '$(touch canary)',
  '`touch canary`',
  "'; touch canary; '",
  '"; touch canary; "',
  "'$(touch canary)'",
  '\ntouch canary\n',
  '\r\ntouch canary\r\n',
  '${x:-$(touch canary)}',
  '$((a[$(touch canary)]))',
  '& touch canary &',
  '| touch canary',
  "\\'; touch canary #",
  "'\\''; touch canary; '\\''",
  ') touch canary (',
  '}; touch canary; {',
  '; fi; touch canary; if :; then',
  '\nEOF\ntouch canary\n',
  '>canary',
  '!touch canary',
  '%s%n%c\\0101\\n',
  '-n',
  '--',
  '*?[a]~{a,b}',
  ' \t ',
  '\u0081\u0082\u0088\u{1F600}é\u2028',
];

const hostile = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...FRAGMENTS) },
      { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 6 }) },
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((parts) => parts.join('').replaceAll('\0', ''));

const seed = Number(process.env['FC_SEED'] ?? Date.now() % 2 ** 31);

describeForShells('hostile values', 'all', (shell) => {
  let place: Workplace;
  before(() => {
    place = openWorkplace();
  });
  after(() => place.remove());

  /** All places from which a command could have been run. */
  const canaries = (...dirs: readonly string[]): readonly string[] =>
    ['/', place.dir, place.home, ...dirs].map((dir) => join(dir, 'canary')).filter(existsSync);

  it(`get into a script unchanged and run nothing (seed ${seed})`, async () => {
    const property = fc.asyncProperty(
      fc.array(hostile, { minLength: 20, maxLength: 30 }),
      fc.array(hostile, { minLength: 5, maxLength: 5 }),
      async (values, lines) => {
        const variables = values.map((value, index) => variable(`V${index}`, value, { raw: true }));
        const shown = lines.map((line) => `# ${line.replace(/[\r\n\u0085\u2028\u2029]/g, ' ')}`);
        const said = `printf '%s\\001' ${values.map((_, index) => `"$V${index}"`).join(' ')}`;
        const quoted = `printf '%s\\001' ${lines.map(quote).join(' ')}`;
        const job = place.context({
          job: { steps: steps({ script: [...shown, said, quoted] }), variables },
        });
        const { projectDir } = place.variablesOf(job);
        const run = await place.run(shell, 'step_script', job);
        assert.equal(run.exitCode, 0, run.output);
        assert.deepEqual(canaries(projectDir), []);
        const printed = run.output.slice(
          run.output.indexOf(`${said}\u001b[0;m\n`) + said.length + 6,
        );
        assert.ok(
          printed.startsWith(`${values.join('\u0001')}\u0001`),
          'values arrive byte for byte',
        );
        assert.ok(printed.endsWith(`\n${lines.join('\u0001')}\u0001`), 'quoted text is one word');
      },
    );
    await fc.assert(property, { numRuns: 12, seed });
  });

  it(`run nothing while sources are fetched and cleaned up (seed ${seed})`, async () => {
    const property = fc.asyncProperty(
      fc.array(hostile, { minLength: 8, maxLength: 8 }),
      async ([
        ref = '',
        path = '',
        dir = '',
        project = '',
        paths = '',
        file = '',
        id = '',
        value = '',
      ]) => {
        const variables = [
          variable('GIT_CLONE_PATH', `${place.dir}/builds/x${dir.replace(/\.\.|\p{Cc}/gu, '')}`, {
            raw: true,
          }),
          variable('CI_PROJECT_PATH', project, { raw: true }),
          variable('GIT_SUBMODULE_STRATEGY', 'normal'),
          variable('GIT_SUBMODULE_PATHS', paths, { raw: true }),
          variable('VALUE', value, { raw: true }),
          variable('FILE', file, { file: true, raw: true }),
          variable('FF_ENABLE_JOB_CLEANUP', 'true'),
        ];
        const job = place.context({
          context: { correlationId: id, tlsCaPem: value },
          job: {
            git_info: {
              repo_url: `file://${place.dir}/${path}.git`,
              ref,
              sha: '0'.repeat(40),
              refspecs: [`+${ref}`],
            },
            variables,
          },
        });
        const { projectDir } = place.variablesOf(job);
        await place.run(shell, 'get_sources', job);
        await place.run(shell, 'cleanup_file_variables', job);
        const found = canaries(projectDir, join(place.dir, 'builds'));
        rmSync(join(place.dir, 'builds'), { recursive: true, force: true });
        assert.deepEqual(found, []);
      },
    );
    await fc.assert(property, { numRuns: 10, seed });
  });
});
