import { existsSync, readdirSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../../../src/adapters/host/error-code.ts';
import { isStageOver, parseStageState } from '../../../src/domain/script/stage-state.ts';
import type { ContainerEvent, ContainerEvents } from '../docker/container-events.ts';
import type { FakeJob, InterceptedRequest } from '../fake-gitlab/types.ts';
import type { Installation } from '../installation.ts';
import { gate } from '../gate.ts';

/** A moment in the life of a job. An event reports it; it is never found by a clock. */
export type Moment =
  /** The runner requests the job, and the answer may get lost. */
  | 'asked'
  /** GitLab's answer is recorded. The job's workflow may not have begun. */
  | 'handed out'
  /** GitLab has been told that the job runs. Its answer may get lost. */
  | 'acknowledged'
  | 'prepare'
  | 'get_sources'
  /** The helper runs, and waits for its first stage. */
  | 'helper waits'
  /** The helper has got its first stage. It may not have begun the stage. */
  | 'stage handed over'
  /** The first stage of the helper has ended. The runner may not know this. */
  | 'stage over'
  /** The job's container runs, and waits for its script. */
  | 'job waits'
  /** The job's container has got its script. It may not have begun it. */
  | 'script handed over'
  /** The script has ended. The runner may not know this. */
  | 'script over'
  /**
   * The script has printed half of a secret and half of a character, and waits until the fault is
   * over.
   */
  | 'script'
  | 'after the script'
  /** The artifacts of the job are being uploaded. */
  | 'artifact upload'
  /** The result does not reach GitLab. */
  | 'final update'
  /** The result has reached GitLab. Its answer may get lost. */
  | 'final answer'
  /** The helper has its last script, which removes secrets. GitLab may have the result. */
  | 'last script of the helper'
  | 'clean-up';

export const MOMENTS: readonly Moment[] = [
  ...(['handed out', 'acknowledged', 'prepare', 'get_sources', 'script'] as const),
  ...(['after the script', 'artifact upload', 'final update', 'final answer', 'clean-up'] as const),
];

/** The moments at which a helper waits for its stages. All of them are before the script. */
export const HELPER_MOMENTS: readonly Moment[] = [
  'helper waits',
  'stage handed over',
  'stage over',
];

/** The moments of the helper at the end of a job. */
export const LAST_MOMENTS: readonly Moment[] = ['last script of the helper'];

/** The moments of a job's container that is started early. */
export const EARLY_MOMENTS: readonly Moment[] = ['job waits', 'script handed over', 'script over'];

/** A job during which something breaks, and what a fault needs to act on it. */
export interface Scene {
  readonly installation: Installation;
  readonly job: FakeJob;
  readonly containers: ContainerEvents;
}

interface Waiting extends Scene {
  readonly witness: string;
  strike(): void;
  /** The moment cannot come any more. */
  fail(error: Error): void;
}

const MOMENT_LIMIT_MS = 60_000;

/**
 * Calls `strike` at the moment, in the same turn of the event loop as the event. Resolves after
 * that.
 */
export function whenMoment(moment: Moment, waiting: Omit<Waiting, 'fail'>): Promise<void> {
  return new Promise((resolve, reject) => {
    const closers: (() => void)[] = [];
    let isSettled = false;
    const fail = (error: Error): void => settle(() => reject(error));
    const timer = setTimeout(() => {
      fail(new Error(`the moment "${moment}" never came:\n${waiting.job.log}`));
    }, MOMENT_LIMIT_MS);
    const settle = (how: () => void): void => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(timer);
      closers.splice(0).forEach((close) => close());
      how();
    };
    const strike = (): void => {
      settle(() => {
        // The event of the moment has no listener for an error, so the test would wait for ever.
        try {
          waiting.strike();
          resolve();
        } catch (error) {
          reject(new Error(`the fault at the moment "${moment}" failed`, { cause: error }));
        }
      });
    };
    const close = listen(moment, { ...waiting, strike, fail });
    // The moment may have come already.
    if (isSettled) close();
    else closers.push(close);
  });
}

/** Calls `strike` at the moment. Returns a function that stops listening. */
function listen(moment: Moment, waiting: Waiting): () => void {
  const { job, installation, strike, fail, witness } = waiting;
  switch (moment) {
    case 'handed out': {
      const line = new RegExp(`"job":${job.id},.*"msg":"job received"`);
      installation.runner.whenLog(line).then(strike, fail);
      return () => undefined;
    }
    case 'asked':
      return onRequest(waiting, ({ kind }) => kind === 'job_request');
    case 'acknowledged':
      return onRequest(waiting, (request) => isUpdate(request, ['running']));
    case 'prepare':
      return closeAll(
        holdSources(waiting),
        onContainer(waiting, ({ action }) => action === 'create'),
      );
    case 'get_sources':
      return onRequest(waiting, ({ kind }) => kind === 'git');
    case 'helper waits':
      return onContainer(waiting, ({ action }) => action === 'start');
    case 'stage handed over':
      return onStageFile(waiting, 'helper/turn', (text) => text !== '');
    case 'last script of the helper':
      return onStageFile(waiting, 'helper/script', (text) => text.includes('\ncd /\n'));
    case 'stage over':
      return onStageFile(waiting, 'helper/state', (text) => isStageOver(text));
    case 'job waits':
      return onContainer(waiting, ({ action, name }) => action === 'start' && isJobs(name));
    case 'script handed over':
      return onStageFile(waiting, 'build/turn', (text) => text !== '');
    case 'script over':
      return onStageFile(waiting, 'build/state', hasEnded);
    case 'script':
      return onFile(join(witness, `${job.id}.here`), strike);
    case 'after the script': {
      const said = join(witness, `${job.id}.said`);
      return onContainer(waiting, ({ action }) => action === 'die' && existsSync(said));
    }
    case 'artifact upload':
      return onRequest(waiting, ({ kind }) => kind === 'upload');
    case 'final update':
      return onRequest(waiting, isFinal, { cut: true });
    case 'final answer':
      return onRequest(waiting, isFinal);
    case 'clean-up':
      return onContainer(waiting, ({ action }) => action === 'destroy');
  }
}

function isFinal(request: InterceptedRequest): boolean {
  return isUpdate(request, ['success', 'failed']);
}

export function isUpdate({ kind, body }: InterceptedRequest, states: readonly string[]): boolean {
  if (kind !== 'update') return false;
  const { state } = JSON.parse(body.toString()) as { readonly state: string };
  return states.includes(state);
}

function onRequest(
  { job, installation, strike }: Waiting,
  matches: (request: InterceptedRequest) => boolean,
  answer?: { readonly cut: true },
): () => void {
  const interception = installation.gitlab.intercept((request) => {
    const isOurs = ['git', 'job_request'].includes(request.kind) || request.jobId === job.id;
    if (!isOurs || !matches(request)) return undefined;
    strike();
    return answer;
  });
  return () => interception.remove();
}

/** Holds the sources of a job that has some: Docker may tell of an event late. */
function holdSources({ installation }: Waiting): () => void {
  const { opened: hold, open: release } = gate();
  const interception = installation.gitlab.intercept(({ kind }) =>
    kind === 'git' ? { hold } : undefined,
  );
  return () => {
    interception.remove();
    release();
  };
}

function closeAll(...closers: readonly (() => void)[]): () => void {
  return () => closers.forEach((close) => close());
}

function onContainer(
  { job, containers, strike }: Waiting,
  matches: (event: ContainerEvent) => boolean,
): () => void {
  return containers.listen((event) => {
    if (event.jobId === job.id && matches(event)) strike();
  });
}

/** Whether this is the name of a job's own container. */
export function isJobs(name: string): boolean {
  return name.endsWith('-build');
}

/** Whether a stage has recorded its end. */
function hasEnded(text: string): boolean {
  return parseStageState(text, /^\S*/.exec(text)?.[0] ?? '')?.exitCode !== undefined;
}

/** Waits for a file of a container's stages. The file appears in the course of the build. */
function onStageFile(
  { installation, strike }: Waiting,
  name: `${'build' | 'helper'}/${'script' | 'turn' | 'state'}`,
  matches: (text: string) => boolean,
): () => void {
  const builds = join(installation.stateDir, 'builds');
  const look = (): void => {
    const files = readdirSync(builds).map((build) => join(builds, build, name));
    if (files.some((file) => matches(textOf(file)))) strike();
  };
  const watcher = watch(builds, { recursive: true }, look);
  return () => watcher.close();
}

/** Returns the text of a file; an empty one when the file is not there or is just being deleted. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    return '';
  }
}

function onFile(path: string, strike: () => void): () => void {
  const look = (): void => {
    if (existsSync(path)) strike();
  };
  const watcher = watch(join(path, '..'), look);
  look();
  return () => watcher.close();
}
