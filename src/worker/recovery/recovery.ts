import type { OrphanedBuilds } from '../../activities/failover/orphaned-builds.ts';
import type { BuildContext } from '../../domain/context/context.ts';
import { jobFields } from '../../domain/build/job-fields.ts';
import type { BuildOutcome } from '../../domain/context/outcome.ts';
import type { Ports } from '../../ports/index.ts';
import { buildEndedSignal, nodeRestartedSignal, serveRunnerId } from '../../workflows/messages.ts';
import { findOrBegin, runnerWorkflowIdOf, type FindScope } from './find-build.ts';
import { removeLabelled, sweepLeftovers } from './leftovers.ts';

/** The node itself starts a job that is recorded but was not started for this long. */
const PATIENCE_MS = 10_000;
/** How often a running build is checked, because a person may have terminated its workflow. */
const CHECK_INTERVAL_MS = 60_000;

export interface Recovery {
  /**
   * Called at the start. Continues every build of this node, or removes what is left of one that
   * has ended.
   */
  recoverAll(): Promise<void>;
  /**
   * Called periodically. Starts builds that their runner never learned of, tries again what failed
   * at the start, and sweeps builds that ended without a clean-up.
   */
  reconcileBuilds(): Promise<void>;
}

export interface RecoveryScope extends FindScope {
  readonly orphaned: OrphanedBuilds;
}

/** The outcome of a job whose workflow was terminated. */
const ORPHANED: BuildOutcome = {
  state: 'failed',
  reason: 'runner_system_failure',
  exitCode: undefined,
  message: 'the workflow of the build was ended from outside: somebody terminated it in Temporal',
};

/**
 * Keeps the node's records and Temporal's workflows consistent. Between GitLab's answer and the
 * start of the workflow a job exists only in its record, where this finds it.
 */
export function createRecovery(scope: RecoveryScope): Recovery {
  const { ports } = scope;
  const { builds, clock, log } = ports;
  const observations = openObservations(clock);
  /** Builds of the previous process, whose workflows must be told about this one. */
  let inherited: ReadonlySet<string> = new Set();
  /** The builds that are being checked. A check may take as long as GitLab takes to answer. */
  const underWay = new Set<string>();

  const isDue = (context: BuildContext, lost: ReadonlySet<string>): boolean => {
    if (underWay.has(context.buildId)) return false;
    const { hasChecked, sinceMs } = observations.of(context);
    if (lost.has(context.buildId)) return true;
    // A new offer of the job counts too, because its runner must not start a build that has already
    // been started.
    if (inherited.has(context.buildId) && !hasChecked) return true;
    const intervalMs = hasChecked ? CHECK_INTERVAL_MS : PATIENCE_MS;
    return clock.monotonicMs() - sinceMs >= intervalMs;
  };

  const check = async (context: BuildContext): Promise<void> => {
    const { buildId } = context;
    const { hasChecked } = observations.of(context);
    underWay.add(buildId);
    try {
      await reconcile(context, {
        ...scope,
        mustSignalRestart: inherited.has(buildId) && !hasChecked,
      });
      observations.noteCheck(context);
    } catch (error) {
      log.warn('build not recovered, tried again later', {
        ...jobFields(context),
        ...{ build: buildId, error },
      });
    } finally {
      underWay.delete(buildId);
    }
  };

  /** Does every check that is due. One that hangs keeps no later call from checking the others. */
  const checkAll = async (): Promise<void> => {
    const buildIds = await builds.list();
    observations.keepOnly(buildIds);
    const contexts = await Promise.all(buildIds.map((buildId) => builds.read(buildId)));
    const lost = new Set(await scope.orphaned.listLost());
    await Promise.all(
      contexts.map(async (context) => {
        if (context !== undefined && isDue(context, lost)) await check(context);
      }),
    );
  };

  return {
    recoverAll: async () => {
      inherited = new Set(await builds.list());
      await checkAll();
      // The builds must not wait for a Docker that may not answer.
      void sweepLeftovers(ports).catch((error: unknown) => {
        log.warn('leftovers not searched for', { error });
      });
    },
    reconcileBuilds: checkAll,
  };
}

interface Observation {
  /** Distinguishes the record from that of another offer of the same job. */
  readonly entropy: string;
  /** When the record was found, or the build was last seen running, by the monotonic clock. */
  readonly sinceMs: number;
  readonly hasChecked: boolean;
}

/** What this process knows about each record. */
interface Observations {
  of(context: BuildContext): Observation;
  /** Notes that the build was checked now. */
  noteCheck(context: BuildContext): void;
  /** Forgets all records but these. */
  keepOnly(buildIds: readonly string[]): void;
}

function openObservations(clock: Ports['clock']): Observations {
  const observations = new Map<string, Observation>();
  return {
    of: ({ buildId, entropy, receivedAtMs }) => {
      const known = observations.get(buildId);
      if (known?.entropy === entropy) return known;
      // A clock that was set back would give a negative age.
      const ageMs = Math.max(0, clock.nowMs() - receivedAtMs);
      const look = { entropy, sinceMs: clock.monotonicMs() - ageMs, hasChecked: false };
      observations.set(buildId, look);
      return look;
    },
    noteCheck: ({ buildId, entropy }) => {
      observations.set(buildId, { entropy, sinceMs: clock.monotonicMs(), hasChecked: true });
    },
    keepOnly: (buildIds) => {
      for (const buildId of observations.keys()) {
        if (!buildIds.includes(buildId)) observations.delete(buildId);
      }
    },
  };
}

interface Reconciliation extends RecoveryScope {
  /** True: the build does not know yet that the node has a new process. */
  readonly mustSignalRestart: boolean;
}

async function reconcile(context: BuildContext, scope: Reconciliation): Promise<void> {
  const { workflows, ports, mustSignalRestart } = scope;
  const fields = { ...jobFields(context), build: context.buildId };
  const state = await findOrBegin(context, scope);
  switch (state.kind) {
    case 'begun':
      ports.metrics.buildRecovered(context);
      ports.log.warn('job was recorded but not begun, begun now', fields);
      return;
    case 'open':
      if (!mustSignalRestart) return;
      if (await workflows.signal(context.buildId, { name: nodeRestartedSignal.name, args: [] })) {
        ports.metrics.buildRecovered(context);
        ports.log.info('build goes on', fields);
      }
      return;
    case 'refused':
      ports.log.warn('job was handed out again after it had ended, so it is not run', fields);
      return;
    case 'elsewhere':
      ports.log.warn('job runs on another node too, left to that one', fields);
      // The environment may have been prepared before GitLab gave the job to the other node.
      await scope.orphaned.drop(context.buildId);
      return signalOwnRunner(context, scope);
    case 'moved':
      await scope.orphaned.drop(context.buildId);
      ports.log.warn('build belongs to another node now, its leftovers removed', fields);
      return;
    case 'pending':
      return;
    case 'ended':
      return sweep(context, { ...scope, isCompleted: state.isCompleted });
  }
}

/**
 * Removes what is left of a build. A terminated workflow has reported nothing, and its job must not
 * stay "running" for ever.
 */
async function sweep(
  context: BuildContext,
  scope: RecoveryScope & { readonly isCompleted: boolean },
): Promise<void> {
  const { ports, isCompleted, orphaned } = scope;
  const { buildId, runner } = context;
  // The build may have been released since the records were listed.
  if ((await ports.builds.read(buildId)) === undefined) return;
  if (isCompleted) await removeLabelled(ports.engine(runner), buildId);
  else await orphaned.report(buildId, ORPHANED);
  await forget(context, scope);
  ports.log.warn('build had ended without its clean-up, swept', {
    ...jobFields(context),
    build: buildId,
  });
}

async function forget(context: BuildContext, scope: RecoveryScope): Promise<void> {
  await scope.orphaned.forget(context.buildId);
  await signalRunner(context, scope);
}

/** The same, unless another node's workflow has asked: it may count the build that runs there. */
async function signalOwnRunner(context: BuildContext, scope: RecoveryScope): Promise<void> {
  const own = serveRunnerId(scope.installation, context.runner);
  if (runnerWorkflowIdOf(context, scope.installation) === own) await signalRunner(context, scope);
}

/** Tells the workflow that counts the build that it has ended here. */
async function signalRunner(
  context: BuildContext,
  { workflows, installation }: RecoveryScope,
): Promise<void> {
  // A runner that was removed from the config needs no signal.
  await workflows.signal(runnerWorkflowIdOf(context, installation), {
    name: buildEndedSignal.name,
    args: [context.buildId],
  });
}
