import { setTimeout as delay } from 'node:timers/promises';
import { dockerAt } from '../docker/docker-at.ts';
import type { Fault, Scene } from './faults.ts';
import type { SecondDaemon } from '../docker/second-daemon.ts';

export interface Restart {
  readonly signal: 'SIGTERM' | 'SIGKILL';
  readonly awayMs?: number;
  readonly liveRestore: boolean;
}

/**
 * The daemon ends and is started again after a while. Its containers survive only with
 * live-restore.
 */
export function restartDaemon(daemon: () => SecondDaemon, restart: Restart): Fault {
  const { signal, awayMs = 0, liveRestore } = restart;
  const how = signal === 'SIGKILL' ? 'killed' : 'stopped';
  const away = awayMs === 0 ? '' : `, away for ${awayMs / 1000} s`;
  let stopped: Promise<void> | undefined;
  return {
    name: `Docker ${how} ${liveRestore ? 'with' : 'without'} live-restore${away}`,
    strike: (scene) => {
      stopped = stop(daemon(), restart, scene);
    },
    mend: async () => {
      await stopped;
      await delay(awayMs); // The outage lasts this long.
      await daemon().start({ liveRestore });
    },
  };
}

async function stop(daemon: SecondDaemon, restart: Restart, { job }: Scene): Promise<void> {
  // Docker ends a container that it has started and not yet listed as running, with or without
  // live-restore.
  const isPatient = restart.signal === 'SIGTERM' && restart.liveRestore;
  while (isPatient && !(await listsAsRunning(daemon, job.id))) await delay(20);
  await daemon.stop(restart.signal);
}

async function listsAsRunning({ host }: SecondDaemon, jobId: number): Promise<boolean> {
  const running = await dockerAt(host).listContainers();
  return running.some(({ Labels }) =>
    Labels['temporal-gitlab-runner.build']?.endsWith(`/${jobId}`),
  );
}

/** Stops the daemon with SIGSTOP: it accepts calls and does not answer them. */
export function freezeDaemon(daemon: () => SecondDaemon, durationMs: number): Fault {
  let frozen: Promise<void> | undefined;
  return {
    name: `Docker frozen for ${durationMs / 1000} s`,
    strike: () => {
      frozen = daemon().freeze();
    },
    mend: async () => {
      await frozen;
      await delay(durationMs); // The outage lasts this long.
      daemon().thaw();
    },
  };
}
