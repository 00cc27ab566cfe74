import { cancellationSignal } from '@temporalio/activity';
import type { BuildContext } from '../../domain/context/context.ts';
import { jobFields } from '../../domain/build/job-fields.ts';
import { formatTakeover, fencingTokenOf } from '../../domain/context/failover.ts';
import { NODE_PROTOCOL } from '../../domain/context/stage.ts';
import { FailureType, FinalError, TransientError } from '../../domain/failure.ts';
import { nodeNameOf } from '../../domain/runner/node-name.ts';
import type { OrphanedBuilds } from './orphaned-builds.ts';
import type { AdoptionRequest, AdoptionReply, FleetActivities } from '../contract.ts';
import type { LiveBuilds } from '../build/live-builds.ts';
import type { CapacityPermit, Ports } from '../../ports/index.ts';
import { findRoom } from '../job/request-job.ts';

/** What it takes to record a build that this node takes over. */
type TakeoverPorts = Pick<Ports, 'clock' | 'encryptedJobs' | 'program' | 'randomness' | 'systemId'>;

type AdoptionPorts = TakeoverPorts & Pick<Ports, 'builds' | 'capacity' | 'log' | 'nodeQueue'>;

export interface AdoptionScope {
  readonly ports: AdoptionPorts;
  readonly live: LiveBuilds;
  readonly orphaned: OrphanedBuilds;
}

export function createFleetActivities(scope: AdoptionScope): FleetActivities {
  return {
    witnessLoss: () => Promise.resolve({ nodeQueue: scope.ports.nodeQueue }),
    adoptBuild: (options) => adopt(options, scope),
  };
}

async function adopt(options: AdoptionRequest, scope: AdoptionScope): Promise<AdoptionReply> {
  const { ports, orphaned } = scope;
  const { nodeQueue, builds } = ports;
  if (options.fromQueue === nodeQueue) return { kind: 'own' };
  const known = await builds.read(options.buildId);
  // This record is from the time when the build was on this node before.
  if (known !== undefined && fencingTokenOf(known.adoption) < options.term)
    await orphaned.drop(options.buildId);
  if (known !== undefined && fencingTokenOf(known.adoption) >= options.term)
    return { kind: 'adopted', nodeQueue, protocol: NODE_PROTOCOL };
  const permit = options.purpose === 'run' ? await takePlace(ports) : undefined;
  try {
    const context = await builds.create(contextOf(options, ports));
    permit?.keepFor(context.buildId, context.runner.key);
    const build = await scope.live.open(context.buildId);
    await build.trace.appendOnce('takeover', formatTakeover(options, nodeNameOf(nodeQueue)));
    ports.log.warn('build of a node that does not answer taken over', {
      ...jobFields(context),
      build: context.buildId,
      node: options.from.name,
      purpose: options.purpose,
    });
  } finally {
    permit?.release();
  }
  return { kind: 'adopted', nodeQueue, protocol: NODE_PROTOCOL };
}

/** A limit of the runner does not count, because new jobs could keep the build waiting for ever. */
async function takePlace(ports: Pick<Ports, 'capacity' | 'clock'>): Promise<CapacityPermit> {
  const permit = await findRoom(ports, cancellationSignal());
  // Temporal repeats the call, perhaps on another node.
  if (permit === undefined) throw new TransientError('this node has no room for one more build');
  return permit;
}

/**
 * Returns the build's context with the facts of this node in place of the lost node's, so that the
 * objects of the two are never confused.
 */
function contextOf(
  { buildId, sealedJob, term, purpose, from }: AdoptionRequest,
  { encryptedJobs, systemId, program, randomness, clock }: TakeoverPorts,
): BuildContext {
  const context = encryptedJobs.decrypt(sealedJob);
  if (context.buildId !== buildId) {
    const message = `what came along with ${buildId} is the record of ${context.buildId}`;
    throw new FinalError(FailureType.InvalidPayload, message);
  }
  return {
    ...context,
    ...{ systemId, program, entropy: randomness.hex(8) },
    ...{ receivedAtMs: clock.nowMs(), receivedMonotonicMs: clock.monotonicMs() },
    adoption: { term, purpose, from },
  };
}
