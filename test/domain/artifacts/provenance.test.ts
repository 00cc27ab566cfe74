import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  schemaWarning,
  statementPlace,
  statementTexts,
  subjectText,
  wantsProvenance,
} from '../../../src/domain/artifacts/provenance.ts';
import { parseStatement } from '../../support/provenance-statement.ts';
import { contextOf, type ContextChanges } from '../job/context-fixture.ts';

const SWITCH = 'RUNNER_GENERATE_ARTIFACTS_METADATA';

function jobOf(...variables: Readonly<Record<string, unknown>>[]) {
  return contextOf({ job: { variables } }).job;
}

function statementOf(changes: ContextChanges, subjects: readonly string[] = []) {
  const context = contextOf(changes);
  const text = [...statementTexts(context, Date.UTC(2026, 0, 2, 3, 4, 5, 678), subjects)].join('');
  return { text, statement: parseStatement(text) };
}

describe('provenance is wanted', () => {
  const cases: [value: string, format: string, expected: boolean][] = [
    ['true', 'zip', true],
    ['1', 'zip', true],
    ['T', 'zip', true],
    ['tRuE', 'zip', true],
    ['+01', 'zip', true],
    ['', 'zip', false],
    ['false', 'zip', false],
    ['2', 'zip', false],
    ['yes', 'zip', false],
    ['true', '', false],
    ['true', 'gzip', false],
    ['true', 'raw', false],
    ['true', 'zipzstd', false],
  ];
  for (const [value, artifact_format, expected] of cases) {
    it(`with ${SWITCH}=${value} of format "${artifact_format}": ${expected}`, () => {
      assert.equal(wantsProvenance(jobOf({ key: SWITCH, value }), { artifact_format }), expected);
    });
  }

  it('by the last variable of that name', () => {
    const job = jobOf({ key: SWITCH, value: 'true' }, { key: SWITCH, value: 'false' });
    assert.equal(wantsProvenance(job, { artifact_format: 'zip' }), false);
    assert.equal(wantsProvenance(jobOf(), { artifact_format: 'zip' }), false);
  });
});

describe('the schema of provenance', () => {
  const warningFor = (value: string) =>
    schemaWarning(jobOf({ key: 'SLSA_PROVENANCE_SCHEMA_VERSION', value }));

  it('is v1, with a warning when the job asks for another one', () => {
    assert.equal(schemaWarning(jobOf()), undefined);
    assert.equal(warningFor('v1'), undefined);
    assert.equal(warningFor('v0.2'), 'Unknown SLSA provenance version v0.2, defaulting to v1');
  });
});

describe('the place of a statement', () => {
  const cases: [name: string, expanded: string, expected: unknown][] = [
    ['', '', { kind: 'inside', path: 'artifacts-metadata.json' }],
    ['$X', '', { kind: 'inside', path: '-metadata.json' }],
    ['app', 'app', { kind: 'inside', path: 'app-metadata.json' }],
    ['build/app', 'build/app', { kind: 'inside', path: 'build/app-metadata.json' }],
    ['/etc/x', '/etc/x', { kind: 'inside', path: 'etc/x-metadata.json' }],
    ['a/../b', 'a/../b', { kind: 'inside', path: 'b-metadata.json' }],
    ['../x', '../x', { kind: 'outside', file: '../x-metadata.json' }],
    [
      'a\0b',
      'a\0b',
      { kind: 'impossible', path: 'a\0b-metadata.json', fault: 'has a NUL in its name' },
    ],
    [
      'long',
      'ü'.repeat(130),
      {
        kind: 'impossible',
        path: `${'ü'.repeat(130)}-metadata.json`,
        fault: 'has a name that is too long',
      },
    ],
    [
      'deep',
      'd/'.repeat(2100),
      {
        kind: 'impossible',
        path: `${'d/'.repeat(2100)}-metadata.json`,
        fault: 'has a name that is too long',
      },
    ],
  ];
  for (const [name, expanded, expected] of cases) {
    it(`of ${JSON.stringify(name)}, expanded to ${JSON.stringify(expanded.slice(0, 12))}`, () => {
      assert.deepEqual(statementPlace({ name }, expanded, '/builds/group/app'), expected);
    });
  }
});

describe('a statement of provenance', () => {
  it('has gitlab-runner’s facts about a build', () => {
    const subjects = [
      subjectText({ path: 'dir/a.txt', sha256: 'a'.repeat(64) }),
      subjectText({ path: 'b"\n', sha256: 'b'.repeat(64) }),
    ];
    const changes: ContextChanges = {
      job: {
        variables: [
          { key: 'CI_RUNNER_ID', value: '1001' },
          { key: 'TOKEN', value: 's3cr3t' },
        ],
      },
      context: { receivedAtMs: Date.UTC(2026, 0, 2, 3, 4, 0) },
    };
    assert.deepEqual(statementOf(changes, subjects).statement, {
      _type: 'https://in-toto.io/Statement/v0.1',
      predicateType: 'https://slsa.dev/provenance/v1',
      subject: [
        { name: 'dir/a.txt', digest: { sha256: 'a'.repeat(64) } },
        { name: 'b"\n', digest: { sha256: 'b'.repeat(64) } },
      ],
      predicate: {
        buildDefinition: {
          buildType: 'https://gitlab.com/gitlab-org/gitlab-runner/-/blob/v19.4.0/PROVENANCE.md',
          externalParameters: {
            ...{ CI_RUNNER_ID: '', TOKEN: '' },
            ...{ entryPoint: 'build', source: 'https://gitlab.example.com/group/app' },
          },
          internalParameters: {
            ...{ name: 'runner one', executor: 'docker', architecture: 'amd64', job: '4711' },
          },
          resolvedDependencies: [
            {
              uri: 'https://gitlab.example.com/group/app',
              digest: { sha256: '0123456789abcdef0123456789abcdef01234567' },
            },
          ],
        },
        runDetails: {
          builder: {
            id: 'https://gitlab.example.com/group/app/-/runners/1001',
            version: { 'gitlab-runner': 'v19.4.0', 'temporal-gitlab-runner': '1.2.3' },
          },
          metadata: {
            invocationId: '4711',
            startedOn: '2026-01-02T03:04:00Z',
            finishedOn: '2026-01-02T03:04:05Z',
          },
        },
      },
    });
  });

  it('is JSON whatever the job’s name is, and contains neither a variable’s value nor the token', () => {
    const { text, statement } = statementOf({
      job: {
        job_info: { name: '"}], "x": \\ \u2028\ud800', stage: 'test', project_id: 42 },
        variables: [
          { key: '__proto__', value: 'value-one' },
          { key: 'entryPoint', value: 'value-two', masked: true },
          { key: 'CI_RUNNER_ID', value: '1/../value-three' },
        ],
      },
    });
    const { externalParameters } = statement.predicate.buildDefinition;
    assert.equal(externalParameters.entryPoint, '"}], "x": \\ \u2028\ufffd');
    assert.equal(Object.getOwnPropertyDescriptor(externalParameters, '__proto__')?.value, '');
    assert.match(statement.predicate.runDetails.builder.id, /\/-\/runners\/7$/);
    assert.deepEqual(statement.subject, []);
    assert.doesNotMatch(text, /value-|glcbt|gitlab-ci-token/);
  });

  it('has a readable name for a file whose name is not UTF-8', () => {
    const subject = subjectText({ path: 'a\udcff', sha256: '0' });
    assert.equal(subject, '{"name":"a\ufffd","digest":{"sha256":"0"}}');
  });
});
