import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import type { BuildDraft } from '../../../src/ports/index.ts';
import { createBuildStore } from '../../../src/adapters/state/build-store.ts';
import type { Cipher } from '../../../src/adapters/state/cipher.ts';
import { loadCipher } from '../../support/cipher.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';

export const CANARY = 'canary-of-a-variable';

export let base = '';
export let cipher: Cipher;

/** Gives the tests of the calling file a directory for their stores, and a key. */
export function setUpStores(): void {
  before(async () => {
    base = await mkdtemp(join(tmpdir(), 'tgr-builds-'));
    cipher = await loadCipher(join(base, 'keys', 'payload.json'));
  });
  after(() => rm(base, { recursive: true, force: true }));
}

export function draftOf(
  jobId: number,
  { projectId = 42, runnerKey = 'runner-key' }: { projectId?: number; runnerKey?: string } = {},
): BuildDraft {
  return contextOf({
    job: {
      id: jobId,
      job_info: { name: 'build', stage: 'test', project_id: projectId, pipeline_id: 99 },
      variables: [{ key: 'SECRET', value: CANARY }],
    },
    runner: { key: runnerKey },
    context: { buildId: `build/gitlab.example.com/${jobId}` },
  });
}

export async function setUp() {
  const directory = await mkdtemp(join(base, 'case-'));
  const open = () => createBuildStore({ directory, cipher });
  return { directory, open, store: await open() };
}
