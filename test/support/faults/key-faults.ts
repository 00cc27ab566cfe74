import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Fault } from './faults.ts';
import type { Installation } from '../installation.ts';
import { startRunnerProcess, type RunnerProcess } from '../runner-process.ts';

// The ring of keys by which records and Temporal's histories are sealed.

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

/** undefined removes the file. */
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
  /** What is left of the ring; undefined is no file. */
  readonly leave: (keys: Keys) => Keys | undefined;
  /** The key whose absence is to be said. */
  readonly missed: (keys: Keys) => Key | undefined;
}

/**
 * The worker dies, and comes back to a ring that does not open what it has sealed. It must not begin
 * anything, however often it is started, nor make a key of its own; with the ring it goes on.
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
        await installation.runner.end('SIGKILL'); // had it started, the next trial needs it anew
        await writeKeys(installation, keys);
        await installation.start();
      }
    },
  };
}

/** Ends by itself, with a word that names the key and nothing of what any key is. */
export async function assertRefused(installation: Installation, keyId: string): Promise<void> {
  await assert.rejects(installation.start(), /the runner ended \(1\)/);
  const said = installation.runner.lines.join('\n');
  assert.ok(said.includes(`"${keyId}"`) || said.includes(`\\"${keyId}\\"`), said);
  assert.match(said, /payload\.json/);
}

/** A node of the same fleet whose state directory is empty, so that it would make a key of its own. */
export async function joinWithOtherKeys(installation: Installation): Promise<RunnerProcess> {
  const { directory, configPath, runner } = installation;
  const ready = JSON.parse(await runner.whenLog(/"msg":"ready"/)) as { readonly temporal: string };
  return startRunnerProcess({
    args: ['run', '--config', configPath],
    env: {
      TEMPORAL_GITLAB_RUNNER_STATE_DIR: join(directory, 'stranger'),
      TEMPORAL_ADDRESS: ready.temporal,
    },
  });
}

/** A new key is put in front, the old ones are kept. */
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

/** As when a ring is brought back from before it was rotated. */
export const NEWEST_GONE: Loss = {
  name: 'newest key gone',
  leave: (keys) => keys.slice(1),
  missed: ([first]) => first,
};
