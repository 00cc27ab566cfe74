import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type {
  BuildActivities,
  UploadEnd,
  UploadOptions,
} from '../../../src/activities/contract.ts';
import type {
  Coordinator,
  PatchReply,
  Ports,
  TraceSpool,
  TraceWriter,
  UpdateReply,
} from '../../../src/ports/index.ts';
import type { BuildContext } from '../../../src/domain/context/context.ts';
import { TransientError } from '../../../src/domain/failure.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import { createFakeSpool } from '../support/fake-disk.ts';
import { createFakeCoordinator } from '../support/fake-gitlab.ts';
import { gate } from '../../support/gate.ts';
import { openProcess } from '../support/process.ts';
import { createWorld, tick, until, type World } from '../support/world.ts';
import { openActivityCall } from '../../support/temporal/activity-call.ts';

interface Setting {
  readonly world: World;
  readonly node: BuildActivities;
  readonly build: { readonly buildId: string };
  /** All pauses, in milliseconds. Each takes one turn of the event loop. */
  readonly pauses: number[];
  readonly upload: (ignoreCanceling?: boolean) => Promise<UploadEnd>;
  readonly seal: () => Promise<void>;
}

interface OpenOptions {
  readonly traces?: (world: World) => TraceSpool;
  readonly onPause?: (pauses: number, ports: Ports) => Promise<void>;
}

/** A build with a header in its trace, and a clock that advances only during pauses. */
async function open(
  coordinator: (world: World) => Partial<Coordinator>,
  { traces, onPause }: OpenOptions = {},
): Promise<Setting> {
  const context = contextOf();
  const world = createWorld(context, { keeps: 'everything' });
  const pauses: number[] = [];
  let nowMs = 0;
  const clock = {
    ...{ nowMs: () => nowMs, monotonicMs: () => nowMs },
    sleep: async (ms: number) => {
      pauses.push(ms);
      nowMs += ms;
      await onPause?.(pauses.length, ports);
      await tick();
    },
  };
  const { activities, ports } = openProcess(world, {
    ports: { clock, ...(traces !== undefined && { traces: traces(world) }) },
    coordinator: coordinator(world),
  });
  const { node } = activities;
  const build = { buildId: context.buildId };
  await runActivity(() => node.acknowledgeJob(build));
  const upload = (ignoreCanceling = false): Promise<UploadEnd> =>
    runActivity(() => node.uploadTrace(build, { ignoreCanceling }));
  const encrypt = (): Promise<void> =>
    runActivity(() => node.reportResult(build, { state: 'success' }));
  return { world, node, build, pauses, upload, seal: encrypt };
}

/**
 * One answer for each patch. The last one applies to all further patches; undefined is GitLab's own
 * answer.
 */
function answering(...replies: (PatchReply | TransientError | undefined)[]) {
  return (world: World): Partial<Coordinator> => {
    const { patchTrace } = createFakeCoordinator(world);
    let at = 0;
    return {
      patchTrace: (job, patch) => {
        const reply = replies[Math.min(at++, replies.length - 1)];
        if (reply instanceof TransientError) return Promise.reject(reply);
        return reply === undefined ? patchTrace(job, patch) : Promise.resolve(reply);
      },
    };
  };
}

const MIB = 1024 * 1024;

/** Traces that have much behind the bytes that can be sent. */
function aheadBy(unsavedBytes: () => number) {
  return (world: World): TraceSpool => {
    const spool = createFakeSpool(world, () => true);
    const openAhead = async (context: BuildContext): Promise<TraceWriter> => {
      const writer = await spool.open(context);
      const writtenBytes = { get: () => writer.sendableBytes + unsavedBytes() };
      return Object.defineProperty(writer, 'writtenBytes', writtenBytes);
    };
    return { ...spool, open: openAhead };
  };
}

const accepted = { kind: 'accepted', remote: 'running', updateIntervalMs: undefined } as const;

describe('a trace that is sent while it grows', () => {
  it('is sent after a second, then at GitLab’s update interval', async () => {
    const setting = await open(answering({ ...accepted, updateIntervalMs: 60_000 }));
    const uploading = setting.upload();
    await until(() => setting.pauses.length > 2);
    await setting.seal();
    assert.equal(await uploading, 'sealed');
    assert.deepEqual(setting.pauses.slice(0, 3), [1_000, 60_000, 60_000]);
  });

  it('is sent every three seconds when GitLab names no interval', async () => {
    const setting = await open(answering(undefined));
    const uploading = setting.upload();
    await until(() => setting.pauses.length > 2);
    await setting.seal();
    await uploading;
    assert.deepEqual(setting.pauses.slice(0, 3), [1_000, 3_000, 3_000]);
  });

  it('is sent without a pause while much is unsent, and then at the usual interval', async () => {
    let unsavedBytes = 0;
    const setting = await open(answering(undefined), {
      traces: aheadBy(() => unsavedBytes),
      // A line between two patches, with much more behind it until the third one.
      onPause: async (pauses, { traces }) => {
        unsavedBytes = pauses < 3 ? 5 * MIB : 0;
        const writer = await traces.open(contextOf());
        await writer.appendOnce(`line ${pauses}`, 'a line');
      },
    });
    const uploading = setting.upload();
    await until(() => setting.pauses.length > 3);
    await setting.seal();
    await uploading;
    assert.deepEqual(setting.pauses.slice(0, 4), [1_000, 0, 0, 3_000]);
  });

  it('says that the job lives when nothing was sent for thirty seconds', async () => {
    const setting = await open(answering(undefined));
    const uploading = setting.upload();
    await until(() => setting.pauses.length > 24);
    const touches = setting.world.gitlab.updates.slice(1);
    await setting.seal();
    await uploading;
    assert.deepEqual(
      touches.map(({ state, checksum }) => [state, checksum]),
      [
        ['running', 'crc32:0'],
        ['running', 'crc32:0'],
      ],
    );
  });

  const ends: [why: string, reply: PatchReply, ignoreCanceling: boolean, end: UploadEnd][] = [
    ['a user pressed cancel', { ...accepted, remote: 'canceling' }, false, 'canceling'],
    ['GitLab has ended the job', { ...accepted, remote: 'aborted' }, true, 'aborted'],
    ['GitLab does not take it any more', { kind: 'job_gone', status: 403 }, true, 'aborted'],
    [
      'GitLab says so while it is out of step',
      {
        kind: 'range_mismatch',
        remoteLengthBytes: 0,
        remote: 'canceling',
        updateIntervalMs: undefined,
      },
      false,
      'canceling',
    ],
  ];
  for (const [why, reply, ignoreCanceling, end] of ends) {
    it(`is ${end}: ${why}`, async () => {
      const { upload } = await open(answering(reply));
      assert.equal(await upload(ignoreCanceling), end);
    });
  }

  it('continues through a cancel that is known already', async () => {
    const setting = await open(answering({ ...accepted, remote: 'canceling' }));
    const uploading = setting.upload(true);
    await until(() => setting.pauses.length > 3);
    await setting.seal();
    assert.equal(await uploading, 'sealed');
  });

  it('is overdue some seconds after the job’s time-out, and not before', async () => {
    const { node, build, pauses } = await open(answering(accepted));
    const options = { ignoreCanceling: false, jobTimeoutMs: 10_000 };
    assert.equal(await runActivity(() => node.uploadTrace(build, options)), 'overdue');
    assert.deepEqual(pauses, [1_000, 3_000, 3_000, 3_000, 3_000]);
  });

  it('learns from a touch that the job is gone', async () => {
    const setting = await open((world) => {
      const { updateJob } = createFakeCoordinator(world);
      let updates = 0;
      return {
        updateJob: (job, update): Promise<UpdateReply> =>
          updates++ === 0
            ? updateJob(job, update)
            : Promise.resolve({ kind: 'job_gone', status: 404 }),
      };
    });
    assert.equal(await setting.upload(), 'aborted');
  });

  it('sends the same bytes again after a fault, and waits as long as GitLab asks', async () => {
    const fault = new TransientError('502', { retryAfterMs: 20_000 });
    const setting = await open(answering(fault, undefined));
    const uploading = setting.upload();
    await until(() => setting.world.gitlab.trace !== '');
    await setting.seal();
    await uploading;
    assert.deepEqual(setting.pauses.slice(0, 2), [1_000, 20_000]);
    assert.equal(setting.world.gitlab.trace, setting.world.spool.saved.text);
  });

  it('continues at GitLab’s length when GitLab has less', async () => {
    const setting = await open(answering(undefined));
    const uploading = setting.upload();
    await until(() => setting.world.gitlab.trace !== '');
    setting.world.gitlab.trace = setting.world.gitlab.trace.slice(0, 5);
    await setting.seal();
    await uploading;
    assert.equal(setting.world.gitlab.trace, setting.world.spool.saved.text);
  });

  it('continues when GitLab does not know the job for a moment', async () => {
    const setting = await open(answering({ kind: 'not_found' }));
    const uploading = setting.upload();
    await until(() => setting.pauses.length > 3);
    await setting.seal();
    assert.equal(await uploading, 'sealed');
    assert.deepEqual(setting.pauses.slice(0, 4), [1_000, 3_000, 3_000, 3_000]);
    assert.equal(setting.world.gitlab.state, 'success');
  });

  it('sends the same bytes again when GitLab did not know the job for a moment', async () => {
    const setting = await open(answering({ kind: 'not_found' }, undefined));
    const uploading = setting.upload();
    await until(() => setting.world.gitlab.trace !== '');
    await setting.seal();
    await uploading;
    assert.equal(setting.world.gitlab.trace, setting.world.spool.saved.text);
  });

  it('is sent at the usual interval while GitLab does not know the job and much is unsent', async () => {
    const setting = await open(answering({ kind: 'not_found' }), {
      traces: aheadBy(() => 5 * MIB),
    });
    const uploading = setting.upload();
    await until(() => setting.pauses.length > 2);
    await setting.seal();
    await uploading;
    assert.deepEqual(setting.pauses.slice(0, 3), [1_000, 3_000, 3_000]);
  });

  it('is not sent again when it is complete, also by the next process', async () => {
    const setting = await open(answering(undefined));
    await setting.seal();
    const { node } = openProcess(setting.world).activities;
    const upload = () => node.uploadTrace(setting.build, { ignoreCanceling: false });
    assert.equal(await runActivity(upload), 'sealed');
  });

  it('ends the call of a caller that was cancelled, and is sent on for the next', async () => {
    const setting = await open(answering(undefined));
    const environment = openActivityCall();
    const first = environment.run(() =>
      setting.node.uploadTrace(setting.build, { ignoreCanceling: false }),
    );
    await until(() => setting.pauses.length > 1);
    environment.cancel('CANCELLED');
    assert.equal(await first, 'sealed');
    const second = setting.upload();
    const before = setting.pauses.length;
    await until(() => setting.pauses.length > before + 2);
    await setting.seal();
    assert.equal(await second, 'sealed');
    // The same loop all the time, because a second one would have begun with a pause of its own.
    assert.equal(setting.pauses.filter((ms) => ms === 1_000).length, 1);
  });
});

interface StartedUpload {
  readonly over: Promise<void>;
  end: UploadEnd | undefined;
}

/** Starts an upload as a build does that has one from its beginning. */
function startUpload({ node, build }: Pick<Setting, 'node' | 'build'>): StartedUpload {
  const options = { ignoreCanceling: false, untilReleased: true };
  const upload: StartedUpload = {
    over: runActivity(() => node.uploadTrace(build, options)).then((end) => {
      upload.end = end;
    }),
    end: undefined,
  };
  return upload;
}

describe('an upload that begins with its build', () => {
  it('sends nothing before the job is acknowledged, and then all of it', async () => {
    const context = contextOf();
    const world = createWorld(context, { keeps: 'everything' });
    const { node } = openProcess(world).activities;
    const build = { buildId: context.buildId };
    const options = { ignoreCanceling: false, awaitsAcknowledgement: true };
    const uploading = runActivity(() => node.uploadTrace(build, options));
    await runActivity(() => node.writeNotice(build, { key: '1', text: 'Somebody looks.' }));
    for (let turns = 0; turns < 100; turns += 1) await tick();
    assert.equal(world.gitlab.trace, '');
    await runActivity(() => node.acknowledgeJob(build));
    await runActivity(() => node.reportResult(build, { state: 'success' }));
    assert.equal(await uploading, 'sealed');
    assert.match(world.gitlab.trace, /Somebody looks[^]*Running with/);
  });

  it('is sent on in the next process, where Temporal has repeated the call of before the acknowledgement', async () => {
    const { world, build } = await open(() => ({}));
    const { node } = openProcess(world).activities;
    const upload = (more: Partial<UploadOptions>): Promise<UploadEnd> =>
      runActivity(() => node.uploadTrace(build, { ignoreCanceling: false, ...more }));
    const repeated = upload({ awaitsAcknowledgement: true });
    for (let turns = 0; turns < 100; turns += 1) await tick();
    const called = upload({});
    await until(() => world.gitlab.trace !== '');
    await runActivity(() => node.reportResult(build, { state: 'success' }));
    assert.deepEqual(await Promise.all([repeated, called]), ['sealed', 'sealed']);
  });

  it('returns when GitLab has taken the result, before the build is released', async () => {
    const taken = gate();
    const setting = await open((world) => {
      const { updateJob } = createFakeCoordinator(world);
      return {
        updateJob: async (job, update) => {
          if (update.state === 'success') await taken.opened;
          return updateJob(job, update);
        },
      };
    });
    const { node, build } = setting;
    const uploading = startUpload(setting);
    const reporting = runActivity(() => node.reportResult(build, { state: 'success' }));
    for (let turns = 0; turns < 100; turns += 1) await tick();
    assert.equal(uploading.end, undefined);
    taken.open();
    await reporting;
    await uploading.over;
    assert.equal(uploading.end, 'sealed');
  });

  it('returns with the release of its build when another process has reported the result', async () => {
    const { world, build, seal } = await open(() => ({}));
    await seal();
    const { node } = openProcess(world).activities;
    const uploading = startUpload({ node, build });
    for (let turns = 0; turns < 100; turns += 1) await tick();
    assert.equal(uploading.end, undefined);
    await runActivity(() => node.releaseBuild(build));
    await uploading.over;
    assert.equal(uploading.end, 'sealed');
  });
});
