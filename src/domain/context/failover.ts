import { formatGoDuration } from '../job/go-duration.ts';
import { formatRunnerLine } from '../trace/sections.ts';

/** What a build carries along for the day on which its node is lost. */
export interface FailoverPlan {
  /** Its context, sealed by the key that the nodes share: no workflow, no database can read it. */
  readonly sealedJob: string;
  /** False for a job too large to be carried: then only what GitLab is told with is in it. */
  readonly isWhole: boolean;
  /** How long a build whose script may have begun waits for its node while another one is there. */
  readonly waitMs: number;
}

/** That a build was taken over from another node, and how. */
export interface Adoption {
  /** How often the build has changed hands: the node with the highest one has it. */
  readonly term: number;
  /** To run it from its beginning, or only to tell GitLab that it has failed. */
  readonly purpose: 'run' | 'report';
  readonly from: LostNode;
}

/** Of a node's record: 0 unless the build was taken over from another node. */
export function fencingTokenOf(adoption: Adoption | undefined): number {
  return adoption?.term ?? 0;
}

/** A node that does not answer any more. */
export interface LostNode {
  readonly name: string;
  /** Wall clock of Temporal, milliseconds: the last time that it is known to have been there. */
  readonly sinceMs: number;
}

/**
 * What stands between the trace of the lost node and its continuation. Begins with a line end: that
 * trace may have stopped anywhere.
 */
export function formatTakeover({ purpose, from }: Adoption, to: string): string {
  if (purpose === 'report') return '\n';
  const text = `Node ${from.name} has not answered since ${formatMoment(from.sinceMs)}, before the script began: the job starts again on node ${to}`;
  return `\n${formatRunnerLine('warning', text)}`;
}

/** Why a build whose node was lost has failed: the end of its last line. */
export function describeLoss(
  node: LostNode,
  { isWhole, waitMs }: FailoverPlan,
  hasBegun: boolean,
): string {
  const reason = hasBegun
    ? 'its script may have begun, so it is not run again'
    : isWhole
      ? 'it was not moved'
      : 'it is too large to be moved to another node';
  return (
    `node ${node.name} has not answered since ${formatMoment(node.sinceMs)}, ` +
    `nor come back within ${formatGoDuration(waitMs)}; ${reason}`
  );
}

/** Why a build has failed of which its own node knows nothing any more: the end of its last line. */
export function describeLostRecord({ name }: LostNode): string {
  return (
    `node ${name} has lost its record of the build: its state directory was emptied or moved; ` +
    'what ran of it cannot be told, so it is not run again'
  );
}

/** `2026-11-25 03:04:05 UTC`. */
function formatMoment(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
