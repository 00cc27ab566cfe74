import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Fault } from './faults.ts';
import type { Installation } from '../installation.ts';
import { startRunnerProcess, whenReady, type RunnerProcess } from '../runner-process.ts';

// These are faults of the key ring, which encrypts records and Temporal's histories.

export interface Key {
  readonly id: string;
  readonly key: string;
}

type Keys = readonly Key[];

export const keyRingFile = ({ stateDir }: Pick<Installation, 'stateDir'>): string =>
  join(stateDir, 'keys', 'payload.json');

export async function readKeys(installation: Pick<Installation, 'stateDir'>): Promise<Keys> {
  const text = await readFile(keyRingFile(installation), 'utf8');
  return (JSON.parse(text) as { readonly keys: Keys }).keys;
}

/** Writes the key ring. Undefined removes the file. */
async function writeKeys(installation: Installation, keys: Keys | undefined): Promise<void> {
  const file = keyRingFile(installation);
  if (keys === undefined) await rm(file);
  else await writeFile(file, JSON.stringify({ keys }), { mode: 0o600 });
}

function newKey(): Key {
  return { id: `key-${randomBytes(4).toString('hex')}`, key: randomBytes(32).toString('base64') };
}

export interface Loss {
  readonly name: string;
  /** Returns the keys that remain in the ring. Undefined removes the file. */
  readonly leave: (keys: Keys) => Keys | undefined;
  /** Returns the missing key, which the error must name. */
  readonly missed: (keys: Keys) => Key | undefined;
}

/**
 * The worker dies and starts with a key ring that does not decrypt its data. It must not begin
 * anything, however often it starts, and must not make a new key. It continues when it has the old
 * ring again.
 */
export function loseKeys({ name, leave, missed }: Loss): Fault {
  return {
    name,
    strike: ({ installation }) => installation.runner.signal('SIGKILL'),
    mend: async ({ installation, job }) => {
      await installation.runner.end('SIGKILL');
      const keys = await readKeys(installation);
      const left = leave(keys);
      const stateBefore = job.state;
      await writeKeys(installation, left);
      try {
        for (const start of ['first', 'second'])
          await assertRefused(installation, missed(keys)?.id ?? start);
        assert.deepEqual(await readKeys(installation).catch(() => undefined), left);
        assert.equal(job.state, stateBefore, 'GitLab is told nothing wrong');
      } finally {
        await installation.runner.end('SIGKILL'); // The next trial needs a new process.
        await writeKeys(installation, keys);
        await installation.start();
      }
    },
  };
}

/**
 * Fails unless the process ends by itself with an error that names the key id and does not show a
 * key.
 */
export async function assertRefused(installation: Installation, keyId: string): Promise<void> {
  await assert.rejects(installation.start(), /the runner ended \(1\)/);
  const said = installation.runner.lines.join('\n');
  assert.ok(said.includes(`"${keyId}"`) || said.includes(`\\"${keyId}\\"`), said);
  assert.match(said, /payload\.json/);
}

/**
 * Starts a node of the same fleet with an empty state directory. The node would create a new key in
 * that directory.
 */
export async function joinWithOtherKeys(installation: Installation): Promise<RunnerProcess> {
  const { directory, configPath, runner } = installation;
  const ready = await whenReady(runner);
  return startRunnerProcess({
    args: ['run', '--config', configPath],
    env: {
      TEMPORAL_GITLAB_RUNNER_STATE_DIR: join(directory, 'stranger'),
      TEMPORAL_ADDRESS: ready.temporal,
    },
  });
}

/** Puts a new key first in the ring and keeps the old ones. */
export function rotateKeys(): Fault {
  return {
    name: 'keys rotated',
    strike: ({ installation }) => installation.runner.signal('SIGTERM'),
    mend: async ({ installation }) => {
      assert.equal(await installation.runner.whenExit(10_000), 0);
      await writeKeys(installation, [newKey(), ...(await readKeys(installation))]);
      await installation.start();
    },
  };
}

export const FILE_GONE: Loss = {
  name: 'key ring gone',
  leave: () => undefined,
  missed: ([first]) => first,
};

export const OTHER_KEY: Loss = {
  name: 'key ring of another node',
  leave: () => [newKey()],
  missed: ([first]) => first,
};

export const OTHER_BYTES: Loss = {
  name: 'wrong key under the right id',
  leave: (keys) => keys.map(({ id }) => ({ ...newKey(), id })),
  missed: ([first]) => first,
};

/** Somebody has restored the ring from a backup that was made before the rotation. */
export const NEWEST_GONE: Loss = {
  name: 'newest key gone',
  leave: (keys) => keys.slice(1),
  missed: ([first]) => first,
};
