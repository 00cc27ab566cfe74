import { cancellationSignal } from '@temporalio/activity';
import type { BuildContext } from '../domain/build/context.ts';
import { jobFields } from '../domain/build/job-fields.ts';
import { formatTakeover, termOf } from '../domain/build/rescue.ts';
import { FailureType, FinalError, TransientError } from '../domain/failure.ts';
import { nodeNameOf } from '../domain/runner/node-name.ts';
import type { AbandonedBuilds } from './abandoned.ts';
import type { AdoptionOrder, AdoptionReply, FleetActivities } from './contract.ts';
import type { LiveBuilds } from './live-builds.ts';
import type { CapacityPermit, Ports } from './ports.ts';
import { findRoom } from './request-job.ts';

export interface AdoptionScope {
  readonly ports: Ports;
  readonly live: LiveBuilds;
  readonly abandoned: AbandonedBuilds;
}

export function createFleetActivities(scope: AdoptionScope): FleetActivities {
  return {
    witnessLoss: () => Promise.resolve({ nodeQueue: scope.ports.nodeQueue }),
    adoptBuild: (order) => adopt(order, scope),
  };
}

async function adopt(order: AdoptionOrder, scope: AdoptionScope): Promise<AdoptionReply> {
  const { ports, abandoned } = scope;
  const { nodeQueue, builds } = ports;
  if (order.fromQueue === nodeQueue) return { kind: 'own' };
  const known = await builds.read(order.buildId);
  // Left from when the build was on this node before.
  if (known !== undefined && termOf(known.adoption) < order.term)
    await abandoned.drop(order.buildId);
  if (known !== undefined && termOf(known.adoption) >= order.term)
    return { kind: 'adopted', nodeQueue };
  const permit = order.purpose === 'run' ? await takePlace(ports) : undefined;
  try {
    const context = await builds.create(contextOf(order, ports));
    permit?.keepFor(context.buildId);
    const build = await scope.live.open(context.buildId);
    await build.trace.appendOnce('takeover', formatTakeover(order, nodeNameOf(nodeQueue)));
    ports.log.warn('build of a node that does not answer taken over', {
      ...jobFields(context),
      build: context.buildId,
      node: order.from.name,
      purpose: order.purpose,
    });
  } finally {
    permit?.release();
  }
  return { kind: 'adopted', nodeQueue };
}

async function takePlace(ports: Ports): Promise<CapacityPermit> {
  const permit = await findRoom(ports, cancellationSignal());
  // Asked again, perhaps of another node.
  if (permit === undefined) throw new TransientError('this node has no room for one more build');
  return permit;
}

/** Everything of this node is its own: what is made here is never taken for the lost node's. */
function contextOf(
  { buildId, sealedJob, term, purpose, from }: AdoptionOrder,
  { sealedJobs, systemId, program, randomness, clock }: Ports,
): BuildContext {
  const context = sealedJobs.open(sealedJob);
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
