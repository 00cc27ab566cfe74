import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSlotActivities } from '../../../src/activities/job/request-job.ts';
import { createEndedBuilds, type EndedBuilds } from '../../../src/activities/build/ended-builds.ts';
import type { JobRequest, JobRequestOutcome } from '../../../src/activities/contract.ts';
import type {
  BuildDraft,
  Coordinator,
  JobReply,
  JobUpdate,
  NodeCapacity,
  Ports,
} from '../../../src/ports/index.ts';
import type { RunnerConfig } from '../../../src/domain/runner/config.ts';
import { nextRequestAtMs } from '../../../src/domain/runner/fleet.ts';
import { createNodeCapacity } from '../../../src/adapters/state/node-capacity.ts';
import { TransientError } from '../../../src/domain/failure.ts';
import { contextOf, payloadJson } from '../../domain/job/context-fixture.ts';
import { openProcess } from '../support/process.ts';
import { createWorld, tick } from '../support/world.ts';
import { openActivityCall } from '../../support/temporal/activity-call.ts';

const { runner } = contextOf();
const REQUEST: JobRequest = {
  runnerKey: runner.key,
  intervalMs: 3_000,
  offsetMs: 500,
  askAtOnce: true,
  mayWait: true,
  durationMs: 10_000,
};

/** How often the activity checks whether Temporal is back. */
const AWAY_PAUSE_MS = 500;

/** Milliseconds from this time until the next due time of the request. */
function nextTickMs(atMs: number): number {
  return nextRequestAtMs(atMs, REQUEST) - atMs;
}

function offer(payload: unknown): JobReply {
  return {
    kind: 'job',
    payload,
    correlationId: 'correlation',
    tlsCaPem: undefined,
    tlsCertPem: undefined,
    tlsKeyPem: undefined,
  };
}

/** A node with one slot, and the state of that slot. */
function countedCapacity(slots = 1) {
  const taken: string[] = [];
  let held = 0;
  const capacity: NodeCapacity = {
    isWithin: () => true,
    acquire: async (signal) => {
      while (held >= slots) {
        await tick();
        signal.throwIfAborted();
      }
      held += 1;
      let isHeld = true;
      return {
        lend: () => {
          held -= 1;
        },
        keepFor: (buildId) => {
          isHeld = false;
          taken.push(buildId);
        },
        release: () => {
          if (isHeld) held -= 1;
          isHeld = false;
        },
      };
    },
    free: () => undefined,
  };
  return { capacity, taken, held: () => held };
}

const BUILD_ID = 'build/gitlab.example.com/sha256-glcbt/4711';

interface Options {
  readonly request?: Partial<JobRequest>;
  readonly replies?: readonly JobReply[];
  /** The answer to the only request, when it arrives. */
  readonly reply?: Promise<JobReply>;
  readonly create?: (draft: BuildDraft) => Promise<never>;
  readonly updateJob?: Coordinator['updateJob'];
  readonly ports?: Partial<Ports>;
  readonly cancelAtOnce?: boolean;
  readonly ended?: EndedBuilds;
  readonly runner?: RunnerConfig;
  /** True: the node has a record of the job already. */
  readonly isKnown?: boolean;
  /** Called with the number of each request. */
  readonly onRequest?: (count: number) => void;
  /** The change of the wall clock after the second request. */
  readonly setMs?: number;
  /** How many calls are made, one after another. The outcome is that of the last one. */
  readonly calls?: number;
}

async function ask(options: Options) {
  const { replies = [], create, updateJob } = options;
  const world = createWorld(contextOf());
  world.disk.records.clear();
  if (options.isKnown === true)
    world.disk.records.set(BUILD_ID, contextOf({ context: { buildId: BUILD_ID } }));
  const slots = countedCapacity();
  const begun: string[] = [];
  const requests: { atMs: number; mayWait: boolean }[] = [];
  const updates: JobUpdate[] = [];
  let nowMs = 1_000_000;
  const clock = {
    nowMs: () => nowMs + (requests.length > 1 ? (options.setMs ?? 0) : 0),
    monotonicMs: () => nowMs,
    sleep: async (ms: number, signal?: AbortSignal) => {
      await tick();
      signal?.throwIfAborted();
      nowMs += ms;
    },
  };
  const config = { ...openProcess(world).ports.config, runner: () => options.runner ?? runner };
  const { ports } = openProcess(world, {
    ports: { config, clock, capacity: slots.capacity, ...options.ports },
    coordinator: {
      requestJob: ({ mayWait }) => {
        requests.push({ atMs: nowMs, mayWait });
        options.onRequest?.(requests.length);
        return options.reply ?? Promise.resolve(replies[requests.length - 1] ?? { kind: 'no_job' });
      },
      updateJob: (job, update) => {
        updates.push(update);
        return updateJob?.(job, update) ?? Promise.resolve({ kind: 'done', remote: 'running' });
      },
    },
  });
  const builds = create === undefined ? ports.builds : { ...ports.builds, create };
  const { requestJob } = createSlotActivities(
    { ...ports, builds },
    { ...(options.ended && { ended: options.ended }), begin: (id) => void begun.push(id) },
  );
  const environment = openActivityCall();
  if (options.cancelAtOnce === true) environment.cancel('WORKER_SHUTDOWN');
  const call = (): Promise<JobRequestOutcome> => requestJob({ ...REQUEST, ...options.request });
  for (let more = options.calls ?? 1; more > 1; more -= 1) await environment.run(call);
  const begunAtMs = nowMs;
  const outcome = await environment.run(call).catch((error: unknown) => error as Error);
  const heartbeats = environment.heartbeats();
  const tookMs = nowMs - begunAtMs;
  return { outcome, tookMs, world, slots, requests, updates, heartbeats, begun };
}

describe('requestJob', () => {
  it('returns a job, which is recorded and keeps its slot', async () => {
    const { outcome, world, slots, begun } = await ask({ replies: [offer(payloadJson())] });
    assert.ok('kind' in outcome && outcome.kind === 'job');
    const { buildId } = outcome.job;
    assert.equal(buildId, BUILD_ID);
    assert.equal(outcome.nodeQueue, 'node-queue');
    const record = world.disk.records.get(buildId);
    assert.deepEqual(
      [record?.rejection, record?.runnerWorkflowId],
      [undefined, 'serve-runner/test'],
    );
    assert.deepEqual([slots.taken, slots.held()], [[buildId], 1]);
    assert.deepEqual(begun, [buildId]);
    assert.doesNotMatch(JSON.stringify(outcome), /glcbt-job-token/);
  });

  it('begins no build that has secrets to fetch first, or that has begun already', async () => {
    const vault = {
      server: { url: 'https://vault.example.com', auth: { name: 'jwt', path: 'jwt' } },
    };
    const secrets = { PASSWORD: { vault: { ...vault, engine: {}, path: 'p', field: 'f' } } };
    const { begun } = await ask({ replies: [offer(payloadJson({ secrets }))] });
    assert.deepEqual(begun, []);
    const again = await ask({ replies: [offer(payloadJson())], isKnown: true });
    assert.ok('kind' in again.outcome && again.outcome.kind === 'job');
    assert.deepEqual(again.begun, []);
  });

  it('requests nothing while Temporal is away, and at once when it is back', async () => {
    const answers = [true, false, false, true];
    const temporalHealth = { isThere: () => Promise.resolve(answers.shift() ?? true) };
    const { outcome, requests } = await ask({
      replies: [{ kind: 'no_job' }, offer(payloadJson())],
      ports: { temporalHealth },
    });
    assert.ok('kind' in outcome && outcome.kind === 'job');
    const [before, after] = requests;
    assert.ok(before !== undefined && after !== undefined && requests.length === 2);
    // One interval, and the checks until Temporal was back.
    assert.equal(after.atMs - before.atMs, nextTickMs(before.atMs) + 2 * AWAY_PAUSE_MS);
    assert.equal(answers.length, 0);
  });

  it('tells Temporal that it goes on when it is back', async () => {
    const answers = [false, true];
    const temporalHealth = { isThere: () => Promise.resolve(answers.shift() ?? true) };
    const { heartbeats } = await ask({
      replies: [offer(payloadJson())],
      ports: { temporalHealth },
    });
    assert.equal(heartbeats, 1);
  });

  it('ends without a request when Temporal was away for so long that it has given the call up', async () => {
    const checks = 25_000 / AWAY_PAUSE_MS;
    let asked = 0;
    const temporalHealth = { isThere: () => Promise.resolve((asked += 1) > checks) };
    const { outcome, requests, slots } = await ask({
      replies: [offer(payloadJson())],
      ports: { temporalHealth },
    });
    assert.deepEqual(outcome, { kind: 'no_job', wait: 'temporal' });
    assert.deepEqual([requests, slots.held()], [[], 0]);
  });

  it('requests at the interval of its runner until its time is over', async () => {
    const { outcome, requests, slots } = await ask({});
    assert.deepEqual(outcome, { kind: 'no_job' });
    assert.deepEqual(
      requests.map(({ atMs }) => atMs - 1_000_000),
      [0, 2_500, 5_500, 8_500],
    );
    assert.ok(requests.every(({ mayWait }) => mayWait));
    assert.equal(slots.held(), 0);
  });

  for (const setMs of [3_600_000, -3_600_000]) {
    it(`ends in its time when the clock is set by ${setMs} ms meanwhile`, async () => {
      const { outcome, requests } = await ask({ setMs });
      assert.deepEqual(outcome, { kind: 'no_job' });
      assert.deepEqual(
        requests.map(({ atMs }) => atMs - 1_000_000),
        [0, 2_500, 5_500, 8_500],
      );
    });
  }

  it('waits for the interval first unless it should request at once', async () => {
    const { requests } = await ask({ request: { askAtOnce: false } });
    assert.equal(requests[0]?.atMs, 1_002_500);
  });

  it('takes all of its time when the next request is due long after it, so that calls do not follow at once', async () => {
    const request = { askAtOnce: false, intervalMs: 3_600_000, offsetMs: 0 };
    const { outcome, tookMs, requests } = await ask({ request });
    assert.deepEqual([outcome, tookMs, requests], [{ kind: 'no_job' }, 10_000, []]);
  });

  it('leaves a request that is due after its end to the next call, which makes it in time', async () => {
    // The first call begins at 1,000,000 ms.
    const request = { askAtOnce: false, intervalMs: 1_000_000, offsetMs: 12_000 };
    const first = await ask({ request });
    assert.deepEqual([first.tookMs, first.requests], [2_000, []]);
    const { requests } = await ask({ request, calls: 2 });
    assert.deepEqual(
      requests.map(({ atMs }) => atMs),
      [1_012_000],
    );
  });

  it('requests at once when a build of its runner ends while the next request is not due', async () => {
    const ended = createEndedBuilds();
    const request = { askAtOnce: true, intervalMs: 3_600_000, offsetMs: 0 };
    const { requests } = await ask({
      ...{ request, ended },
      onRequest: (count) => {
        if (count === 1) setImmediate(() => ended.announce(runner.key));
      },
    });
    assert.equal(requests.length, 2);
  });

  it('requests once without waiting when a build of its runner has ended', async () => {
    const ended = createEndedBuilds();
    ended.announce(runner.key);
    ended.announce(runner.key);
    const { requests } = await ask({ request: { askAtOnce: false }, ended });
    assert.deepEqual(
      requests.map(({ atMs }) => atMs - 1_000_000),
      [0, 2_500, 5_500, 8_500],
    );
  });

  it('requests in the middle of a wait when a build of its own runner ends', async () => {
    const ended = createEndedBuilds();
    const { requests } = await ask({
      ended,
      onRequest: (count) => {
        if (count === 1) ended.announce('another runner');
        if (count === 2) setImmediate(() => ended.announce(runner.key));
      },
    });
    assert.equal(requests.length, 5);
    assert.equal(requests[1]?.atMs, 1_002_500);
  });

  it('reports at its end that GitLab was away if it did not answer last', async () => {
    const away = { kind: 'failed', message: '502' } as const;
    const { outcome } = await ask({ replies: [away, away, away, away] });
    assert.deepEqual(outcome, { kind: 'no_job', isAway: true });
    const back = await ask({ replies: [away, away, away] });
    assert.deepEqual(back.outcome, { kind: 'no_job' });
  });

  it('continues after an unusable answer', async () => {
    const { outcome, requests } = await ask({
      replies: [{ kind: 'failed', message: '502' }, offer(payloadJson())],
    });
    assert.ok('kind' in outcome && outcome.kind === 'job');
    assert.equal(requests.length, 2);
  });

  it('lends its slot when GitLab does not answer, unless GitLab may hold the request', async () => {
    for (const mayWait of [false, true]) {
      let say: (reply: JobReply) => void = () => undefined;
      const slots = countedCapacity();
      const asking = ask({
        request: { mayWait, durationMs: 0 },
        reply: new Promise((resolve) => (say = resolve)),
        ports: { capacity: slots.capacity },
      });
      for (let turn = 0; turn < 10; turn += 1) await tick();
      assert.equal(slots.held(), mayWait ? 1 : 0);
      say({ kind: 'forbidden', message: 'at last' });
      await asking;
    }
  });

  it('ends when GitLab refuses the runner', async () => {
    const { outcome, slots } = await ask({ replies: [{ kind: 'forbidden', message: '403' }] });
    assert.deepEqual(outcome, { kind: 'forbidden', message: '403' });
    assert.equal(slots.held(), 0);
  });

  it('ends when the configuration has no such runner', async () => {
    const world = createWorld(contextOf());
    const { config } = openProcess(world).ports;
    const { outcome, requests } = await ask({ ports: { config } });
    assert.deepEqual([outcome, requests], [{ kind: 'unknown_runner' }, []]);
  });

  it('ends when this node has no slot, so that another node may take a job', async () => {
    const full = countedCapacity(0);
    const { outcome, requests } = await ask({ ports: { capacity: full.capacity } });
    assert.deepEqual([outcome, requests], [{ kind: 'no_job', wait: 'place' }, []]);
  });

  it('ends after two seconds while the runner is paused on this node, and asks when resumed', async () => {
    const capacity = createNodeCapacity(5);
    capacity.pauseRunners([runner.key]);
    const paused = await ask({ ports: { capacity }, calls: 3 });
    assert.deepEqual(
      [paused.outcome, paused.requests, paused.tookMs],
      [{ kind: 'no_job', wait: 'place' }, [], 2_000],
    );
    capacity.pauseRunners([]);
    const { outcome } = await ask({ ports: { capacity }, replies: [offer(payloadJson())] });
    assert.ok('kind' in outcome && outcome.kind === 'job');
  });

  it('keeps the limit of a runner over all callers, and asks again when a build has ended', async () => {
    const capacity = createNodeCapacity(5);
    const limited = { ...runner, limit: 1 };
    const askOnce = (replies: readonly JobReply[]) =>
      ask({ ports: { capacity }, runner: limited, replies });
    const first = await askOnce([offer(payloadJson())]);
    assert.ok('kind' in first.outcome && first.outcome.kind === 'job');
    const { outcome, requests } = await askOnce([offer(payloadJson({ id: 4712 }))]);
    assert.deepEqual([outcome, requests], [{ kind: 'no_job', wait: 'place' }, []]);
    capacity.free(BUILD_ID);
    const { outcome: next } = await askOnce([offer(payloadJson({ id: 4712 }))]);
    assert.ok('kind' in next && next.kind === 'job');
  });

  it('waits longer with each call for a runner at its limit, which is no fault', async () => {
    const capacity = createNodeCapacity(5);
    capacity.hold('build/other', runner.key);
    const limited = { ...runner, limit: 1 };
    const { ports } = openProcess(createWorld(contextOf()));
    const skipped: unknown[] = [];
    const metrics = { ...ports.metrics, requestSkipped: (one: unknown) => void skipped.push(one) };
    const waits: number[] = [];
    for (const calls of [1, 2, 3, 9]) {
      const { tookMs } = await ask({ ports: { capacity, metrics }, runner: limited, calls });
      waits.push(tookMs);
    }
    assert.deepEqual(waits, [2_000, 4_000, 8_000, 20_000]);
    assert.deepEqual(skipped, []);
  });

  it('ends at once when the process should stop', async () => {
    const { outcome, slots } = await ask({ cancelAtOnce: true, request: { askAtOnce: false } });
    assert.ok(outcome instanceof Error);
    assert.equal(slots.held(), 0);
  });
});

describe('a job that cannot be run', () => {
  it('is recorded although its payload is invalid, so that it fails as usual', async () => {
    const payload = payloadJson({ steps: 'nonsense' });
    const { begun, outcome, world } = await ask({ replies: [offer(payload)] });
    assert.ok('kind' in outcome && outcome.kind === 'job');
    assert.deepEqual(begun, []);
    assert.match(outcome.job.rejection ?? '', /steps/);
    const record = world.disk.records.get(outcome.job.buildId);
    assert.deepEqual(record?.job.steps, []);
    assert.equal(record.job.token, 'glcbt-job-token');
  });

  it('is ignored without a token, because nothing could be reported about it', async () => {
    const { outcome, slots, world } = await ask({ replies: [offer({ id: 1 })] });
    assert.deepEqual(outcome, { kind: 'no_job' });
    assert.deepEqual([slots.held(), world.disk.records.size], [0, 0]);
  });

  const answers: [why: string, updateJob: Coordinator['updateJob'] | undefined][] = [
    ['GitLab takes it', undefined],
    ['GitLab is away too', () => Promise.reject(new TransientError('503'))],
  ];
  for (const [why, updateJob] of answers) {
    it(`is reported as failed when it cannot be recorded, and releases its slot: ${why}`, async () => {
      const { outcome, slots, updates } = await ask({
        replies: [offer(payloadJson())],
        create: () => Promise.reject(new Error('ENOSPC: no space left on device')),
        ...(updateJob && { updateJob }),
      });
      assert.deepEqual(outcome, { kind: 'no_job' });
      assert.deepEqual(updates, [{ state: 'failed', failureReason: 'runner_system_failure' }]);
      assert.deepEqual([slots.held(), slots.taken], [0, []]);
    });
  }
});
