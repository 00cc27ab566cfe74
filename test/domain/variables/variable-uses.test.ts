import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildVariables } from '../../../src/domain/variables/variables.ts';
import { contextOf, type ContextChanges } from '../job/context-fixture.ts';
import { type Given, FILE, RAW, v, build, withJob, TEMP } from './variables-fixture.ts';

const MASKED = { masked: true };
const PUBLIC = { public: true };

describe('environment', () => {
  it('contains each name once, and files by their path', () => {
    const lines = withJob(v('A', '1'), v('F', 'c', FILE), v('A', '2')).environment();
    assert.deepEqual(
      lines.filter((line) => /^[AF]=/.test(line)),
      ['A=2', `F=${TEMP}/F`],
    );
  });

  it('skips names that no shell can export, with one line about it', () => {
    const bad = ['no-name', '1ST', '', 'a=b', 'a\0', 'ä', 'a b', '$(x)', 'a\nb'].map((key) =>
      v(key, 'x'),
    );
    const variables = withJob(v('GOOD', 'x'), v('NUL', 'a\0b'), ...bad);
    const names = variables.environment().map((line) => line.split('=', 1)[0] ?? '');
    assert.ok(names.includes('GOOD') && !names.includes('NUL'));
    assert.deepEqual(
      names.filter((name) => !/^[A-Z_][A-Z0-9_]*$/.test(name)),
      [],
    );
    const warnings = variables.warnings;
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /not passed to the job .*"NUL", "no-name".*"a\\u0000"/);
    assert.equal(variables.get('no-name'), 'x');
  });

  it('names at most ten skipped variables', () => {
    const many = Array.from({ length: 20_000 }, (_, index) => v(`${index}`, 'x'));
    assert.match(withJob(...many).warnings[0] ?? '', /and 19990 more$/);
  });

  it('writes files to the path of their variable, with the last value of a name', () => {
    const variables = withJob(
      v('F', 'old', FILE),
      v('F', 'new\n', FILE),
      v('G', 'x', FILE),
      v('G', 'plain'),
      v('../../etc/passwd', 'x', FILE),
    );
    assert.deepEqual(variables.files(), [{ path: `${TEMP}/F`, content: 'new\n' }]);
  });
});

describe('environment of services', () => {
  const changes: ContextChanges = {
    runner: { environment: ['R=runner'] },
    job: { variables: [v('P', 'public', PUBLIC), v('S', 'secret'), v('Q', '$S', PUBLIC)] },
  };
  const ofServices = (...own: Given[]): readonly string[] => {
    const job = { ...changes.job, services: [{ name: 'db', variables: own }] };
    const context = contextOf({ ...changes, job });
    const variables = buildVariables(context, { jobStatus: 'running' });
    return variables.publicEnvironment(context.job.services[0]?.variables);
  };

  it('shows public and runner variables, and nothing else', () => {
    const names = ofServices().map((line) => line.split('=', 1)[0]);
    assert.ok(names.includes('P') && names.includes('R') && names.includes('CI_SERVER'));
    assert.ok(names.includes('FF_TIMESTAMPS'));
    assert.ok(!names.includes('S'));
  });

  it('adds a service’s own variables, which may refer to everything', () => {
    const lines = ofServices(v('OWN', '$S'), v('P', 'mine'), v('RAW', '$S', RAW));
    assert.ok(lines.includes('OWN=secret'));
    assert.ok(lines.includes('P=mine'));
    assert.ok(lines.includes('RAW=$S'));
  });
});

describe('mask phrases', () => {
  const cases: [given: Given[], expected: string[], why: string][] = [
    [[v('A', 'abc')], [], 'not masked'],
    [[v('A', 'abc', MASKED)], ['abc'], 'masked'],
    [[v('A', 'ab', MASKED), v('B', 'abcd', MASKED)], ['abcd', 'ab'], 'the longest first'],
    [[v('A', 'abc', MASKED), v('B', 'abc', MASKED)], ['abc'], 'each once'],
    [[v('A', ' abc\n', MASKED)], ['abc'], 'trimmed'],
    [[v('A', '\u0085abc\u0085 ', MASKED)], ['abc'], 'trimmed of what Go calls white space'],
    [[v('A', ' \n', MASKED)], [], 'nothing left'],
    [[v('A', 'x', MASKED)], ['x'], 'no smallest length'],
    [[v('A', 'a$B', MASKED), v('B', 'c')], ['ac'], 'expanded'],
    [[v('A', 'a$B', MASKED, RAW), v('B', 'c')], ['a$B'], 'raw'],
    [[v('A', 'content', MASKED, FILE)], ['content'], 'content of files'],
    [[v('A', 'old', MASKED), v('A', 'newer')], ['old'], 'also what is hidden by another'],
  ];
  for (const [given, expected, why] of cases) {
    it(`are ${JSON.stringify(expected)}: ${why}`, () => {
      assert.deepEqual(withJob(...given).maskPhrases(), expected);
    });
  }

  it('include masked variables of services', () => {
    const services = [{ name: 'db', variables: [v('P', '$A!', MASKED)] }];
    const variables = build({ job: { services, variables: [v('A', 'abc')] } });
    assert.deepEqual(variables.maskPhrases(), ['abc!']);
  });
});

describe('project directory among variables', () => {
  it('follows GIT_CLONE_PATH with references', () => {
    const variables = withJob(v('GIT_CLONE_PATH', '$CI_BUILDS_DIR/$CI_CONCURRENT_ID/x'));
    assert.equal(variables.projectDir, '/builds/3/x');
    assert.equal(variables.get('CI_PROJECT_DIR'), '/builds/3/x');
    assert.equal(variables.tempDir, '/builds/3/x.tmp');
    assert.equal(variables.projectDirFault, undefined);
  });

  it('reports a GIT_CLONE_PATH outside of the builds directory', () => {
    const variables = withJob(v('GIT_CLONE_PATH', '/etc'));
    assert.match(variables.projectDirFault ?? '', /GIT_CLONE_PATH="\/etc" has to be within/);
    assert.equal(variables.projectDir, '/builds/group/app');
  });

  it('reports a GIT_CLONE_PATH when the config forbids it, wherever it is set', () => {
    const environment = ['GIT_CLONE_PATH=$CI_BUILDS_DIR/x'];
    const variables = build({ runner: { isClonePathForbidden: true, environment } });
    assert.match(variables.projectDirFault ?? '', /GIT_CLONE_PATH is not allowed/);
  });

  it('is separate for strategy empty and for a shared root', () => {
    assert.equal(withJob(v('GIT_STRATEGY', 'empty')).projectDir, '/builds/group/app-empty');
    const shared = build({ volumes: ['/srv:$CI_BUILDS_DIR'] });
    assert.equal(shared.projectDir, '/builds/AbCdEfGhI/1/group/app');
  });
});
