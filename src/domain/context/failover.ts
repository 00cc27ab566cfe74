import { formatGoDuration } from '../job/go-duration.ts';
import { formatRunnerLine } from '../trace/sections.ts';

/** The data that a build carries along in case its node is lost. */
export interface FailoverPlan {
  /**
   * The build's context, encrypted with the key that the nodes share. No workflow or database can
   * read it.
   */
  readonly sealedJob: string;
  /**
   * False for a job that is too large to carry: it then has only what reporting to GitLab needs.
   */
  readonly isWhole: boolean;
  /**
   * How long a build whose script may have begun waits for its node while another node is
   * available, in milliseconds.
   */
  readonly waitMs: number;
}

/** How a build was taken over from another node. */
export interface Adoption {
  /** How often the build has changed nodes. The node with the highest number has the build. */
  readonly term: number;
  /** `run`: run it from its beginning. `report`: only tell GitLab that it has failed. */
  readonly purpose: 'run' | 'report';
  readonly from: LostNode;
}

/**
 * Returns the fencing token of a node's record: 0 unless the build was taken over from another
 * node.
 */
export function fencingTokenOf(adoption: Adoption | undefined): number {
  return adoption?.term ?? 0;
}

/** A node that no longer answers. */
export interface LostNode {
  readonly name: string;
  /** When the node was last known to be alive, in milliseconds of Temporal's wall clock. */
  readonly sinceMs: number;
}

/**
 * Formats the text between the lost node's trace and its continuation. It begins with a line end,
 * because that trace may have stopped anywhere.
 */
export function formatTakeover({ purpose, from }: Adoption, to: string): string {
  if (purpose === 'report') return '\n';
  const text = `Node ${from.name} has not answered since ${formatDateAndTime(from.sinceMs)}, before the script began: the job starts again on node ${to}`;
  return `\n${formatRunnerLine('warning', text)}`;
}

/** Describes why a build has failed when its node was lost. The text ends the trace's last line. */
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
    `node ${node.name} has not answered since ${formatDateAndTime(node.sinceMs)}, ` +
    `nor come back within ${formatGoDuration(waitMs)}; ${reason}`
  );
}

/**
 * Describes why a build has failed when its own node has lost the record. The text ends the last
 * line of the trace.
 */
export function describeLostRecord({ name }: LostNode): string {
  return (
    `node ${name} has lost its record of the build: its state directory was emptied or moved; ` +
    'what ran of it cannot be told, so it is not run again'
  );
}

/** Formats a time as `2026-11-25 03:04:05 UTC`. */
function formatDateAndTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
