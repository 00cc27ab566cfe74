import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ContainerEngine, FileMember } from '../../../src/ports/index.ts';
import type { StageOutcome } from '../../../src/domain/context/outcome.ts';
import { TransientError } from '../../../src/domain/failure.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import { openProcess } from '../support/process.ts';
import { createWorld } from '../support/world.ts';

const REQUEST = {
  stage: { name: 'archive_cache', place: 'transfer', attempts: 1 },
  attempt: 1,
  jobStatus: 'running',
} as const;

type Read = ContainerEngine['readFiles'];

/** A node whose containers have this file at the path of GITLAB_ENV, and no other files. */
function setUp(differences: Partial<ContainerEngine> = {}) {
  const context = contextOf({ job: { cache: [{ key: 'k', paths: ['$OUT'] }] } });
  const world = createWorld(context);
  const run = (readEnvFile: () => ReturnType<Read>): Promise<StageOutcome> => {
    const readFiles: Read = (_container, path) =>
      path.includes('gitlab_runner_env_') ? readEnvFile() : Promise.resolve(undefined);
    const { node } = openProcess(world, { engine: { readFiles, ...differences } }).activities;
    return runActivity(() => node.runStage({ buildId: context.buildId }, REQUEST));
  };
  const kept = () => world.disk.records.get(context.buildId)?.exports;
  return { world, run, kept };
}

function fileOf(text: string, changes: Partial<FileMember> = {}): ReturnType<Read> {
  const bytes = new TextEncoder().encode(text);
  const member: FileMember = {
    ...{ path: 'env', kind: 'file', mode: 0o644, uid: 0, gid: 0, modifiedMs: 0, linkTarget: '' },
    sizeBytes: bytes.byteLength,
    content: (async function* () {
      yield await Promise.resolve(bytes);
    })(),
    ...changes,
  };
  return Promise.resolve(
    (async function* () {
      yield await Promise.resolve(member);
    })(),
  );
}

describe('GITLAB_ENV', () => {
  it('is read once: another process and another try use the values of the first', async () => {
    const { run, kept } = setUp();
    await assert.rejects(run(() => Promise.reject(new TransientError('Docker is away'))));
    assert.equal(kept(), undefined);
    await run(() => fileOf('OUT=first\n'));
    let asked = 0;
    await run(() => {
      asked += 1;
      return fileOf('OUT=second\n');
    });
    assert.deepEqual([kept(), asked], [['OUT=first'], 0]);
  });

  it('is not read when the engine tells that the file is empty', async () => {
    const stat = { kind: 'file', mode: 0o644, sizeBytes: 0, modifiedMs: 0 } as const;
    const { run, kept } = setUp({ statPath: () => Promise.resolve(stat) });
    await run(() => Promise.reject(new TransientError('it was read')));
    assert.deepEqual(kept(), []);
  });

  it('is empty without a file, and read later when there is one', async () => {
    const { run, kept } = setUp();
    await run(() => Promise.resolve(undefined));
    assert.equal(kept(), undefined);
  });

  it('is empty when a link has replaced the file', async () => {
    const { world, run, kept } = setUp();
    await run(() => fileOf('', { kind: 'symlink', linkTarget: '/etc/passwd' }));
    assert.deepEqual(kept(), []);
    assert.match(world.spool.saved.text, /WARNING: GITLAB_ENV is not a plain file any more/);
  });

  it('fails the job when it is longer than any environment', async () => {
    const { run, kept } = setUp();
    const outcome = await run(() => fileOf('A=1', { sizeBytes: 5 * 1024 * 1024 }));
    assert.equal(outcome.kind, 'system_failed');
    assert.match('message' in outcome ? outcome.message : '', /5242880 bytes, the most is 4194304/);
    assert.equal(kept(), undefined);
  });
});
