import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import {
  Worker,
  type ActivityInterceptorsFactory,
  type WorkerOptions,
  type WorkerTuner,
} from '@temporalio/worker';
import type { Activities } from '../activities/index.ts';
import type { ResizableCapacity } from '../adapters/state/node-capacity.ts';
import { translateFaults } from '../adapters/temporal/activity-faults.ts';
import type { Temporal } from '../adapters/temporal/connect.ts';
import {
  createSlotSupplier,
  MOST_RENEWALS,
  type SlotLimits,
} from '../adapters/temporal/slot-supplier.ts';
import { pastRefusals } from '../adapters/temporal/passing-refusal.ts';
import type { Listeners } from '../domain/listeners.ts';
import type { Clock, Log } from '../ports/index.ts';
import { boundYoungGenerationOfThreads } from './machine/young-generation.ts';
import { ORCHESTRATION_QUEUE, SLOTS_QUEUE } from '../workflows/messages.ts';
import { errorCode } from '../adapters/host/error-code.ts';
import { programFile } from '../adapters/host/program-files.ts';

export interface WorkersOptions {
  readonly temporal: Temporal;
  readonly activities: Activities;
  readonly capacity: ResizableCapacity;
  readonly nodeQueue: string;
  readonly identity: string;
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  readonly log: Log;
  /** Told when Temporal is back, so that the workers ask it for tasks at once. */
  readonly returns: Pick<Listeners, 'add'>;
  /** These wrap all other interceptors, so that they see a fault before it becomes Temporal's. */
  readonly traced: readonly ActivityInterceptorsFactory[];
}

const WORKFLOW_BUNDLE = programFile('workflow-bundle.js');

/**
 * Lets a workflow task take any time. The SDK ends it after five seconds of wall time, which have
 * passed at once when a process that was frozen runs again. That end aborts the whole process on
 * Node 20 and 22 (`FailWithCorruptedAsyncStack`), and the thread of the workflows on Node 26. The
 * limit is meant for workflow code that never ends, and that of this program is bounded. The public
 * types of the SDK name only `debugMode`, which would also move the workflows into the main thread.
 * Source: `addDefaultWorkerOptions` of `@temporalio/worker` 1.24.
 */
const NO_TIME_LIMIT = { isolateExecutionTimeout: '4294967295ms' } as const;

/** As many as the SDK has by default. */
const ACTIVITY_POLLS = 10;
/** As the SDK has them by default: most workflow tasks are for workflows in the worker's cache. */
const WORKFLOW_SLOTS = { polls: 2, stickyPolls: 8, tasks: 40 };

/** Creates the three workers of a node: for workflows, for job requests, and for its own builds. */
export async function createWorkers(options: WorkersOptions): Promise<readonly Worker[]> {
  const { temporal, activities, capacity, nodeQueue, identity, returns } = options;
  const { connection, namespace, dataConverter } = temporal;
  const common = {
    connection,
    namespace,
    dataConverter,
    identity,
    // SIGTERM ends the process within seconds. The next start resumes interrupted activities.
    shutdownForceTime: '5 seconds',
    // An activity learns of its cancellation at its next heartbeat.
    maxHeartbeatThrottleInterval: '2 seconds',
    defaultHeartbeatThrottleInterval: '2 seconds',
  } as const;
  const interceptors = { activity: [...options.traced, translateFaults] };
  await checkBundle();
  boundYoungGenerationOfThreads();
  const create = (worker: WorkerOptions): Promise<Worker> =>
    pastRefusals((attempt) => {
      if (attempt === 1) return Worker.create(worker);
      // A connection accepts no second worker for the same queue, even if the first was given up.
      return temporal.another((own) => Worker.create({ ...worker, connection: own }));
    }, options);
  const others = await Promise.all([
    create({
      ...common,
      interceptors,
      taskQueue: SLOTS_QUEUE,
      activities: { ...activities.slots },
      ...tune({ returns, activities: { polls: ACTIVITY_POLLS, nodeSlots: capacity } }),
    }),
    create({
      ...common,
      interceptors,
      taskQueue: nodeQueue,
      activities: { ...activities.node },
      // Each build has at most three activities, and `concurrent` limits the builds.
      ...tune({ returns, activities: { polls: ACTIVITY_POLLS } }),
    }),
  ]);
  // This worker is created last, because its thread keeps running when Temporal refuses the worker.
  const workflows = await create({
    ...common,
    ...NO_TIME_LIMIT,
    taskQueue: ORCHESTRATION_QUEUE,
    interceptors,
    workflowBundle: { codePath: WORKFLOW_BUNDLE },
    // These calls for builds of nodes that do not answer are rare.
    activities: { ...activities.fleet },
    ...tune({ returns, workflows: WORKFLOW_SLOTS, activities: { polls: 1, tasks: 10 } }),
    // A task waits this long for the workflow cache of a process that may have been killed.
    stickyQueueScheduleToStartTimeout: '1 second',
  });
  const workers = [workflows, ...others];
  temporal.renewals.add(() => {
    for (const worker of workers) {
      if (worker.getState() === 'RUNNING') worker.connection = temporal.connection;
    }
  });
  return workers;
}

/**
 * Checks the bundle before any worker is created, because a worker that was never run cannot be
 * closed again.
 */
async function checkBundle(): Promise<void> {
  try {
    await access(WORKFLOW_BUNDLE, constants.R_OK);
  } catch (error) {
    const code = errorCode(error);
    const message = `the workflow bundle ${WORKFLOW_BUNDLE} cannot be read (${code ?? String(error)})`;
    throw new Error(`${message}: build the program with \`npm run build\`, or install it anew`);
  }
}

interface Tuning {
  readonly returns: Pick<Listeners, 'add'>;
  readonly activities: SlotLimits;
  /** Without these the worker has no workflows. */
  readonly workflows?: SlotLimits & { readonly stickyPolls: number };
}

/**
 * Returns the options that decide how many tasks a worker polls for, and how many it runs. The
 * options `maxConcurrent…TaskPolls` have no effect in `@temporalio/worker` 1.24.
 */
function tune({ returns, activities, workflows }: Tuning) {
  const unused = { type: 'fixed-size', numSlots: 2 } as const;
  const tuner: WorkerTuner = {
    workflowTaskSlotSupplier:
      workflows === undefined ? unused : createSlotSupplier(workflows, returns),
    activityTaskSlotSupplier: createSlotSupplier(activities, returns),
    localActivityTaskSlotSupplier: unused,
    nexusTaskSlotSupplier: unused,
  };
  return {
    tuner,
    activityTaskPollerBehavior: atMost(activities.polls),
    ...(workflows !== undefined && {
      workflowTaskPollerBehavior: atMost(workflows.polls + workflows.stickyPolls),
    }),
  };
}

/** Returns the poller limit of the SDK, which must not be lower than the limit of the slots. */
function atMost(polls: number) {
  return { type: 'simple-maximum', maximum: polls * MOST_RENEWALS } as const;
}
