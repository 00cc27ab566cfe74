import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Acknowledgement, BuildActivities } from '../../../src/activities/contract.ts';
import type {
  Coordinator,
  PatchReply,
  TraceWriter,
  UpdateReply,
} from '../../../src/ports/index.ts';
import { createMetrics } from '../../../src/adapters/metrics/metrics.ts';
import { createTraceSpool } from '../../../src/adapters/trace-spool/trace-spool.ts';
import type { BuildOutcome } from '../../../src/domain/context/outcome.ts';
import { TransientError } from '../../../src/domain/failure.ts';
import { systemClock } from '../../../src/worker/machine/program.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import { createFakeSpool, createFakeStore } from '../support/fake-disk.ts';
import { createFakeCoordinator } from '../support/fake-gitlab.ts';
import { openProcess } from '../support/process.ts';
import { createWorld, tick, type World } from '../support/world.ts';

const CLEANUP = { name: 'cleanup_file_variables', place: 'runner', attempts: 1 } as const;

interface Setting {
  readonly world: World;
  readonly node: BuildActivities;
  readonly build: { readonly buildId: string };
  readonly pauses: number[];
}

function open(
  coordinator: (world: World) => Partial<Coordinator> = () => ({}),
  features = {},
): Setting {
  const context = contextOf({ job: { features } });
  const world = createWorld(context, { keeps: 'everything' });
  const pauses: number[] = [];
  const clock = {
    ...{ nowMs: () => 0, monotonicMs: () => 0 },
    sleep: (ms: number) => {
      pauses.push(ms);
      return tick();
    },
  };
  const options = { ports: { clock }, coordinator: coordinator(world) };
  const { node } = openProcess(world, options).activities;
  return { world, node, build: { buildId: context.buildId }, pauses };
}

/** One answer for each update. GitLab's usual answers follow. */
function answering(...replies: UpdateReply[]) {
  return (world: World): Partial<Coordinator> => {
    const { updateJob } = createFakeCoordinator(world);
    return {
      updateJob: (job, update) => {
        const reply = replies.shift();
        if (reply === undefined) return updateJob(job, update);
        world.gitlab.updates.push(update);
        return Promise.resolve(reply);
      },
    };
  };
}

describe('the acknowledgement of a job', () => {
  const cases: [reply: UpdateReply, expected: Acknowledgement, why: string][] = [
    [{ kind: 'done', remote: 'running' }, 'accepted', 'GitLab agrees'],
    [{ kind: 'done', remote: 'canceling' }, 'canceling', 'it was canceled meanwhile'],
    [{ kind: 'done', remote: 'aborted' }, 'gone', 'it was ended meanwhile'],
    [{ kind: 'pending', retryAfterMs: 1 }, 'accepted', 'only the trace is pending'],
    [{ kind: 'trace_invalid' }, 'accepted', 'only the trace is asked for'],
    [{ kind: 'conflict' }, 'taken', "it is somebody else's"],
    [{ kind: 'job_gone', status: 404 }, 'gone', 'it was deleted'],
  ];
  for (const [reply, expected, why] of cases) {
    it(`is ${expected}: ${why}`, async () => {
      const { node, build } = open(answering(reply));
      assert.equal(await runActivity(() => node.acknowledgeJob(build)), expected);
    });
  }

  it('begins the trace with the runner’s header before GitLab is told', async () => {
    const said: string[] = [];
    const { node, build } = open((world) => ({
      updateJob: () => {
        said.push(world.spool.saved.text);
        return Promise.resolve({ kind: 'done', remote: 'running' });
      },
    }));
    await runActivity(() => node.acknowledgeJob(build));
    assert.match(said[0] ?? '', /Running with temporal-gitlab-runner 1\.2\.3/);
  });

  it('is sent again when its answer was lost', async () => {
    let failures = 1;
    const { node, build, world } = open((at) => {
      const { updateJob } = createFakeCoordinator(at);
      return {
        updateJob: (job, update) =>
          failures-- > 0 ? Promise.reject(new TransientError('timeout')) : updateJob(job, update),
      };
    });
    await assert.rejects(
      runActivity(() => node.acknowledgeJob(build)),
      TransientError,
    );
    assert.equal(await runActivity(() => node.acknowledgeJob(build)), 'accepted');
    assert.equal(world.spool.saved.text.split('Running with').length, 2);
  });
});

describe('reporting a result', () => {
  const failed = (change: Partial<Extract<BuildOutcome, { state: 'failed' }>>): BuildOutcome => ({
    state: 'failed',
    reason: 'script_failure',
    exitCode: undefined,
    message: 'why',
    ...change,
  });
  const cases: [
    outcome: BuildOutcome,
    features: object,
    expected: Record<string, unknown>,
    line: string,
  ][] = [
    [{ state: 'success' }, {}, { state: 'success' }, 'Job succeeded'],
    [
      failed({ exitCode: 3, message: 'exit code 3' }),
      {},
      { state: 'failed', failureReason: 'script_failure', exitCode: 3 },
      'ERROR: Job failed: exit code 3',
    ],
    [
      failed({ reason: 'image_pull_failure' }),
      {},
      { state: 'failed', failureReason: 'runner_system_failure' },
      'ERROR: Job failed: why',
    ],
    [
      failed({ reason: 'image_pull_failure' }),
      { failure_reasons: ['image_pull_failure'] },
      { state: 'failed', failureReason: 'image_pull_failure' },
      'ERROR: Job failed: why',
    ],
    [
      { state: 'canceled' },
      {},
      { state: 'failed', failureReason: 'unknown_failure' },
      'ERROR: Job failed: canceled',
    ],
    [
      { state: 'canceled' },
      { failure_reasons: ['unknown_failure', 'job_canceled'] },
      { state: 'failed', failureReason: 'job_canceled' },
      'ERROR: Job failed: canceled',
    ],
  ];
  for (const [outcome, features, expected, line] of cases) {
    it(`says ${JSON.stringify(expected)} and "${line}"`, async () => {
      const { world, node, build } = open(undefined, features);
      await runActivity(() => node.reportResult(build, outcome));
      const sums = { checksum: 'crc32:0', byteSize: world.spool.saved.text.length };
      assert.deepEqual(world.gitlab.updates, [{ ...expected, ...sums }]);
      assert.ok(world.gitlab.trace.includes(line));
      assert.equal(world.gitlab.trace, world.spool.saved.text);
    });
  }

  it('prints the stages that only print a line before its own line, once', async () => {
    const { world, node, build } = open();
    await runActivity(() => node.reportResult(build, { state: 'success' }, [CLEANUP]));
    await runActivity(() => node.reportResult(build, { state: 'success' }, [CLEANUP]));
    const { trace } = world.gitlab;
    assert.equal(trace.split('Cleaning up project directory').length, 2);
    assert.ok(trace.indexOf('Cleaning up') < trace.indexOf('Job succeeded'));
  });

  it('sends nothing when GitLab has refused the job at its acknowledgement', async () => {
    const { world, node, build } = open();
    await runActivity(() => node.reportResult(build, { state: 'aborted' }));
    assert.deepEqual([world.gitlab.updates, world.gitlab.trace], [[], '']);
  });

  it('tries once to report an aborted job as failed, because GitLab may still show it as running', async () => {
    const { world, node, build, pauses } = open();
    await runActivity(() => node.acknowledgeJob(build));
    await runActivity(() => node.reportResult(build, { state: 'aborted' }));
    const [, ...updates] = world.gitlab.updates;
    assert.deepEqual(updates, [{ state: 'failed', failureReason: 'unknown_failure' }]);
    assert.deepEqual([world.gitlab.trace, pauses], ['', []]);
  });

  const afterAbort: [why: string, reply: UpdateReply | Error][] = [
    ['a refusal', { kind: 'job_gone', status: 403 }],
    ['a request for the trace', { kind: 'trace_invalid' }],
    ['a fault', new TransientError('503')],
  ];
  for (const [why, reply] of afterAbort) {
    it(`ends the report of an aborted job after one update also when the answer is ${why}`, async () => {
      let finals = 0;
      const { node, build, pauses } = open((world) => {
        const { updateJob } = createFakeCoordinator(world);
        return {
          updateJob: (job, update) => {
            if (update.state === 'running') return updateJob(job, update);
            finals += 1;
            return reply instanceof Error ? Promise.reject(reply) : Promise.resolve(reply);
          },
        };
      });
      await runActivity(() => node.acknowledgeJob(build));
      await runActivity(() => node.reportResult(build, { state: 'aborted' }));
      assert.deepEqual([finals, pauses], [1, []]);
    });
  }

  it('is sent again while GitLab stores the trace, at the interval that it asks for', async () => {
    const pending = { kind: 'pending', retryAfterMs: 4_000 } as const;
    const { world, node, build, pauses } = open(answering(pending, pending));
    await runActivity(() => node.reportResult(build, { state: 'success' }));
    assert.deepEqual(pauses, [4_000, 4_000]);
    assert.equal(world.gitlab.updates.length, 3);
    assert.deepEqual(world.gitlab.updates[0], world.gitlab.updates[2]);
  });

  it('sends the whole trace again when GitLab finds its checksum wrong', async () => {
    const { world, node, build } = open((at) => {
      const { updateJob } = createFakeCoordinator(at);
      let isBroken = true;
      return {
        updateJob: (job, update) => {
          if (!isBroken) return updateJob(job, update);
          isBroken = false;
          at.gitlab.trace = '';
          return Promise.resolve({ kind: 'trace_invalid' });
        },
      };
    });
    await runActivity(() => node.reportResult(build, { state: 'success' }));
    assert.equal(world.gitlab.trace, world.spool.saved.text);
    assert.equal(world.gitlab.state, 'success');
  });

  it('sends it a limited number of times, with pauses', async () => {
    const { node, build, pauses } = open(() => ({
      updateJob: () => Promise.resolve({ kind: 'trace_invalid' }),
    }));
    await runActivity(() => node.reportResult(build, { state: 'success' }));
    assert.deepEqual(
      pauses,
      [1, 2, 4, 8, 16, 32, 60, 60, 60, 60].map((s) => s * 1_000),
    );
  });

  const patches: PatchReply[] = [{ kind: 'job_gone', status: 403 }, { kind: 'not_found' }];
  for (const reply of patches) {
    it(`sends the state also when GitLab does not take the trace: ${reply.kind}`, async () => {
      const { world, node, build } = open(() => ({ patchTrace: () => Promise.resolve(reply) }));
      await runActivity(() => node.reportResult(build, { state: 'success' }));
      assert.equal(world.gitlab.updates.length, 1);
    });
  }

  it('waits between two answers with the same wrong length', async () => {
    let mismatches = 3;
    const { world, node, build, pauses } = open((at) => {
      const { patchTrace } = createFakeCoordinator(at);
      return {
        patchTrace: (job, patch) =>
          mismatches-- > 0
            ? Promise.resolve({
                kind: 'range_mismatch',
                remoteLengthBytes: 0,
                remote: 'running',
                updateIntervalMs: undefined,
              })
            : patchTrace(job, patch),
      };
    });
    await runActivity(() => node.reportResult(build, { state: 'success' }));
    assert.deepEqual(pauses, [2_000, 4_000]);
    assert.equal(world.gitlab.trace, world.spool.saved.text);
  });

  it('is left to the next try when GitLab is away, and writes its last line once', async () => {
    let failures = 2;
    const { world, node, build } = open((at) => {
      const { updateJob } = createFakeCoordinator(at);
      return {
        updateJob: (job, update) =>
          failures-- > 0 ? Promise.reject(new TransientError('503')) : updateJob(job, update),
      };
    });
    const report = () => node.reportResult(build, { state: 'success' });
    await assert.rejects(runActivity(report), TransientError);
    await assert.rejects(runActivity(report), TransientError);
    await runActivity(report);
    assert.equal(world.gitlab.state, 'success');
    assert.equal(world.gitlab.trace.split('Job succeeded').length, 2);
  });

  it('tells the metrics how much of the log GitLab lacks, while it is away and afterwards', async () => {
    const context = contextOf();
    const world = createWorld(context, { keeps: 'everything' });
    const metrics = createMetrics({ systemId: 's_1', clock: systemClock });
    const { patchTrace } = createFakeCoordinator(world);
    let isAway = true;
    const { node } = openProcess(world, {
      ports: { metrics },
      coordinator: {
        patchTrace: (job, patch) =>
          isAway ? Promise.reject(new TransientError('503')) : patchTrace(job, patch),
        updateJob: () => Promise.reject(new TransientError('503')),
      },
    }).activities;
    const lagAfterReport = async (): Promise<number | undefined> => {
      const report = runActivity(() => node.reportResult(context, { state: 'success' }));
      await assert.rejects(report, TransientError);
      return metrics.jobs.read(context.buildId)?.lagBytes;
    };
    assert.equal(await lagAfterReport(), world.spool.saved.text.length);
    isAway = false;
    assert.equal(await lagAfterReport(), 0);
  });

  it('stays the same when a build that Temporal had lost comes to another result', async () => {
    let isAway = true;
    const { world, node, build } = open((at) => {
      const { updateJob } = createFakeCoordinator(at);
      return {
        updateJob: (job, update) =>
          isAway ? Promise.reject(new TransientError('503')) : updateJob(job, update),
      };
    });
    const report = (outcome: BuildOutcome) => runActivity(() => node.reportResult(build, outcome));
    await assert.rejects(report({ state: 'success' }), TransientError);
    isAway = false;
    const reason = 'runner_system_failure';
    await report({ state: 'failed', reason, exitCode: undefined, message: 'what is left is gone' });
    assert.equal(world.gitlab.state, 'success');
    assert.match(world.gitlab.trace, /Job succeeded/);
    assert.doesNotMatch(world.gitlab.trace, /what is left is gone/);
  });

  it('includes the output of a stopped stage that was not read yet', async () => {
    const { world, node, build } = open();
    world.disk.files.build.output = 'last words\n';
    await runActivity(() => node.reportResult(build, { state: 'canceled' }));
    assert.match(world.gitlab.trace, /last words\n.*Job failed: canceled/s);
  });

  it('ends with its own line when that output is half a line or half a secret', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tgr-report-'));
    try {
      const path = (name: string): string => join(directory, name);
      const paths = { script: path('script'), state: path('state'), output: path('output') };
      const files = { ...paths, nextStage: path('turn'), wakePipe: undefined };
      await writeFile(files.output, 'last words: hunter2');
      const variables = [{ key: 'PASSWORD', value: 'hunter2hunter2', masked: true }];
      const context = contextOf({ job: { variables } });
      const world = createWorld(context);
      const builds = {
        ...createFakeStore(world, () => true),
        directory: () => directory,
        stageFiles: () => Promise.resolve(files),
      };
      const clock = { nowMs: () => 0, monotonicMs: () => 0, sleep: () => tick() };
      const { log } = openProcess(world).ports;
      const traces = createTraceSpool({ builds, clock, log });
      const { node } = openProcess(world, { ports: { traces, builds, clock } }).activities;
      const { buildId } = context;
      await runActivity(() => node.reportResult({ buildId }, { state: 'canceled' }, [CLEANUP]));
      await traces.close(buildId);
      assert.match(
        await readFile(path('trace'), 'utf8'),
        /last words: hunter2.*Cleaning up.*Job failed: canceled[^\n]*\n$/s,
      );
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('has that output durably on the disk before it notes that nothing follows', async () => {
    const world = createWorld(contextOf());
    const events: string[] = [];
    const traces = createFakeSpool(world, () => true);
    const builds = createFakeStore(world, () => true);
    const { node } = openProcess(world, {
      ports: {
        traces: {
          ...traces,
          open: async (context) =>
            withSlowDisk(await traces.open(context), () => events.push('is durable')),
        },
        builds: {
          ...builds,
          writeNote: (buildId, name, value) => {
            if (name === 'sealed') events.push('is noted');
            return builds.writeNote(buildId, name, value);
          },
        },
      },
    }).activities;
    const build = { buildId: contextOf().buildId };
    await runActivity(() => node.reportResult(build, { state: 'canceled' }));
    assert.deepEqual(events.slice(0, 2), ['is durable', 'is noted']);
  });
});

/** A writer whose checkpoints take a while. */
function withSlowDisk(writer: TraceWriter, onDurable: () => void): TraceWriter {
  const checkpoint = async (): Promise<void> => {
    await tick();
    await writer.checkpoint();
    onDurable();
  };
  return new Proxy(writer, {
    get: (target, key): unknown => (key === 'checkpoint' ? checkpoint : Reflect.get(target, key)),
  });
}
