import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Docker from 'dockerode';
import type { Fault, Scene } from './faults.ts';
import type { FakeAnswer, InterceptedRequest } from '../fake-gitlab/types.ts';
import type { Installation } from '../installation.ts';

/** Kills the program with `kill -9`, and starts it again after a while. */
export function killWorker(restartAfterMs = 0): Fault {
  return {
    name:
      restartAfterMs === 0 ? 'worker killed' : `worker killed, away for ${restartAfterMs / 1000} s`,
    strike: ({ installation }) => installation.runner.signal('SIGKILL'),
    mend: async ({ installation }) => {
      await installation.runner.end('SIGKILL');
      await delay(restartAfterMs); // The outage lasts this long.
      await installation.start();
    },
  };
}

/** Sends SIGTERM, as an upgrade does. The program must end soon with 0, and is started again. */
export function stopWorker(): Fault {
  return {
    name: 'worker told to stop',
    strike: ({ installation }) => installation.runner.signal('SIGTERM'),
    mend: async ({ installation }) => {
      assert.equal(await installation.runner.whenExit(10_000), 0);
      await installation.start();
    },
  };
}

/** Kills everything except Docker. With `isEmptied` the server's database is lost too. */
export function killAll({ isEmptied }: { readonly isEmptied: boolean }): Fault {
  return {
    name: isEmptied ? 'all killed, database lost' : 'worker and Temporal killed',
    strike: ({ installation }) => {
      installation.runner.signal('SIGKILL');
      process.kill(temporalPid(installation), 'SIGKILL');
    },
    mend: async ({ installation }) => {
      await installation.runner.end('SIGKILL');
      if (isEmptied) await rm(join(installation.stateDir, 'temporal'), { recursive: true });
      await installation.start();
    },
  };
}

/** Stops the program with SIGSTOP, so that it hangs. */
export function freezeWorker(durationMs: number): Fault {
  return {
    name: `worker frozen for ${durationMs / 1000} s`,
    strike: ({ installation }) => installation.runner.signal('SIGSTOP'),
    mend: async ({ installation }) => {
      await delay(durationMs);
      installation.runner.signal('SIGCONT');
    },
  };
}

/**
 * Kills the embedded Temporal with `kill -9`. The worker starts it again. With `isEmptied` its
 * database is lost.
 */
export function killTemporal({ isEmptied = false } = {}): Fault {
  let killed = 0;
  return {
    name: isEmptied ? 'Temporal killed, database lost' : 'Temporal killed',
    strike: ({ installation }) => {
      killed = temporalPid(installation);
      if (isEmptied) removeDatabase(installation);
      process.kill(killed, 'SIGKILL');
    },
    confirm: ({ installation }) => assert.notEqual(temporalPid(installation), killed),
  };
}

export function freezeTemporal(durationMs: number): Fault {
  return {
    name: `Temporal frozen for ${durationMs / 1000} s`,
    strike: ({ installation }) => {
      process.kill(temporalPid(installation), 'SIGSTOP');
    },
    mend: async ({ installation }) => {
      await delay(durationMs);
      process.kill(temporalPid(installation), 'SIGCONT');
    },
  };
}

/** Removes the database of the embedded Temporal, which runs on without its files. */
export function removeDatabase({ stateDir }: Installation): void {
  const directory = join(stateDir, 'temporal');
  const databases = readdirSync(directory).filter((name) => name.startsWith('database-'));
  assert.ok(databases.length > 0);
  for (const name of databases) rmSync(join(directory, name), { recursive: true });
}

export function temporalPid({ stateDir }: Installation): number {
  const text = readFileSync(join(stateDir, 'temporal', 'server.json'), 'utf8');
  return (JSON.parse(text) as { readonly pid: number }).pid;
}

export interface KillingSpree {
  readonly kills: number;
  /** Returns a number in [0, 1). The lifetime of each process is computed from it. */
  readonly random: () => number;
}

/** Kills the program again and again with `kill -9`. It may be ready or still starting then. */
export function killOften({ kills, random }: KillingSpree): Fault {
  return {
    name: `worker killed ${kills} times`,
    strike: ({ installation }) => installation.runner.signal('SIGKILL'),
    mend: async ({ installation }) => {
      for (let kill = 1; kill < kills; kill += 1) {
        await installation.runner.end('SIGKILL');
        // It may be killed before it is ready.
        const starting = installation.start().catch(() => undefined);
        await delay(random() * 3_000);
        await installation.runner.end('SIGKILL');
        await starting;
      }
      await installation.runner.end('SIGKILL');
      await installation.start();
    },
  };
}

/** Returns a generator of numbers, which are the same for the same seed. Source: mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Matching = (request: InterceptedRequest, scene: Scene) => boolean;

const isOfTheJob: Matching = ({ kind, jobId }, { job }) => kind !== 'git' && jobId === job.id;

/** Returns the name of an answer for the suite's table. */
function describeAnswer(answer: FakeAnswer): string {
  if ('hold' in answer) return 'late';
  const afterwards = answer.afterwards === true ? ' after it was done' : '';
  if ('cut' in answer)
    return `connection cut${answer.cut === 'midway' ? ' midway' : ''}${afterwards}`;
  return `${answer.status}${typeof answer.body === 'string' && answer.body.startsWith('<') ? ' with a page' : ''}${afterwards}`;
}

/** GitLab answers the next calls about the job wrongly, and then correctly again. */
export function answerWrongly(answer: FakeAnswer, times: number, matches = isOfTheJob): Fault {
  let left = times;
  return {
    name: `GitLab answers ${describeAnswer(answer)}`,
    confirm: () => assert.ok(left < times, 'GitLab was never asked'),
    strike: (scene) => {
      const interception = scene.installation.gitlab.intercept((request) => {
        if (!matches(request, scene)) return undefined;
        left -= 1;
        if (left === 0) interception.remove();
        return answer;
      });
    },
  };
}

/** GitLab's API answers no call for a while. */
export function gitlabOutage(durationMs: number, answer: FakeAnswer = { cut: true }): Fault {
  return {
    name: `GitLab away for ${durationMs / 1000} s`,
    strike: () => undefined,
    mend: async ({ installation }) => {
      const interception = installation.gitlab.intercept(() => answer);
      await delay(durationMs); // The outage lasts this long.
      interception.remove();
    },
  };
}

const docker = new Docker();
const BUILD_LABEL = 'temporal-gitlab-runner.build';

type Act = (container: Docker.Container) => Promise<unknown>;

export function onBuildContainer(name: string, act: Act): Fault {
  return onContainer({ name: `container ${name}`, labels: [] }, act);
}

interface ActedOn {
  /** The name of the fault. */
  readonly name: string;
  /** The labels of the container besides those of every build. */
  readonly labels: readonly string[];
}

/** Returns a fault that acts on the first container of the job that has these labels. */
export function onContainer({ name, labels }: ActedOn, act: Act): Fault {
  return {
    name,
    strike: () => undefined,
    mend: async ({ job }) => {
      const filters = { label: [BUILD_LABEL, ...labels] };
      const found = await docker.listContainers({ all: true, filters });
      const ours = found.find(({ Labels }) => Labels[BUILD_LABEL]?.endsWith(`/${job.id}`));
      if (ours === undefined) throw new Error(`job ${job.id} has no such container: ${name}`);
      await act(docker.getContainer(ours.Id));
    },
  };
}
