import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FailureType, FinalError } from '../../../src/domain/failure.ts';
import type { BuildContext } from '../../../src/domain/context/context.ts';
import type { StageOutcome } from '../../../src/domain/context/outcome.ts';
import type { Ports } from '../../../src/ports/index.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import { openProcess } from '../support/process.ts';
import { createWorld } from '../support/world.ts';

const vault = (field: string) => ({ vault: { engine: { name: 'kv-v2' }, field }, file: false });
const SECRETS = { FIRST: vault('first'), SECOND: vault('second') };
const REQUEST = {
  stage: { name: 'resolve_secrets', place: 'transfer', attempts: 1 },
  attempt: 1,
  jobStatus: 'running',
} as const;

function setUp(
  job: Readonly<Record<string, unknown>> = {},
  runner: Partial<BuildContext['runner']> = {},
) {
  const context = contextOf({ job: { secrets: SECRETS, ...job }, runner });
  const world = createWorld(context);
  const run = (readSecret: Ports['secrets']['readSecret']): Promise<StageOutcome> => {
    const { node } = openProcess(world, { ports: { secrets: { readSecret } } }).activities;
    return runActivity(() => node.runStage({ buildId: context.buildId }, REQUEST));
  };
  const kept = () => world.disk.records.get(context.buildId)?.secretVariables ?? [];
  return { world, run, kept };
}

describe('resolving secrets', () => {
  it('keeps each as a variable, masks it and logs its steps', async () => {
    const { world, run, kept } = setUp();
    const outcome = await run(({ field }) => Promise.resolve(`value of ${field}`));
    assert.deepEqual(outcome, { kind: 'succeeded' });
    assert.deepEqual(
      kept().map(({ key, value, masked, raw, file }) => ({ key, value, masked, raw, file })),
      [
        { key: 'FIRST', value: 'value of first', masked: true, raw: true, file: false },
        { key: 'SECOND', value: 'value of second', masked: true, raw: true, file: false },
      ],
    );
    assert.ok(world.spool.hidden.includes('value of second'));
    assert.match(world.spool.saved.text, /Resolving secret "FIRST"\.\.\.[^]*Using "vault"/);
  });

  it('trusts the authorities of the entry', async () => {
    const { docker } = contextOf().runner;
    const { run } = setUp(
      {},
      {
        tlsCaFile: '/etc/ca.pem',
        docker: { ...docker, volumes: ['/cache', '/own.crt:/etc/gitlab-runner/certs/ca.crt'] },
      },
    );
    const trusted: (readonly string[])[] = [];
    await run((_, { trustedFiles }) => {
      trusted.push(trustedFiles);
      return Promise.resolve('value');
    });
    assert.deepEqual(trusted, Array(2).fill(['/etc/ca.pem', '/own.crt']));
  });

  it('logs why one failed, and keeps those before it', async () => {
    const { run, kept } = setUp();
    const asked: string[] = [];
    const first = await run(({ field }) => {
      asked.push(field);
      const away = new FinalError(FailureType.ExternalDependency, 'away');
      return field === 'first' ? Promise.resolve('once') : Promise.reject(away);
    });
    assert.deepEqual(first, {
      ...{ kind: 'system_failed', type: FailureType.ExternalDependency },
      message: 'resolving secrets: away',
    });
    assert.equal(kept()[0]?.value, 'once');
    assert.deepEqual(asked, ['first', 'second']);
  });

  it('continues in another process with those that were kept', async () => {
    const { run, kept } = setUp();
    await assert.rejects(
      run(({ field }) =>
        field === 'first' ? Promise.resolve('once') : Promise.reject(new Error('a bug')),
      ),
    );
    const asked: string[] = [];
    await run(({ field }) => {
      asked.push(field);
      return Promise.resolve('other');
    });
    assert.deepEqual(asked, ['second']);
    assert.deepEqual(
      kept().map(({ value }) => value),
      ['once', 'other'],
    );
  });

  it('fails for a missing one, or uses an empty value, as the flag says', async () => {
    const nothing = () => Promise.resolve(undefined);
    const strict = setUp();
    assert.deepEqual(await strict.run(nothing), {
      ...{ kind: 'system_failed', type: FailureType.RunnerSystem },
      message: 'resolving secrets: secret not found: FIRST',
    });
    const flag = { key: 'FF_SECRET_RESOLVING_FAILS_IF_MISSING', value: 'false' };
    const content = setUp({ variables: [flag] });
    assert.deepEqual(await content.run(nothing), { kind: 'succeeded' });
    assert.deepEqual(
      content.kept().map(({ value }) => value),
      ['', ''],
    );
  });
});
