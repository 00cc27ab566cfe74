import type { Log } from '../../ports/index.ts';
import type { EncryptedHistories } from '../../adapters/temporal/encrypted-histories.ts';

export interface KeyCheck {
  readonly histories: EncryptedHistories;
  readonly keyRingFile: string;
  /** Ids of the workflows that this node is responsible for. They need not exist. */
  readonly ownIds: readonly string[];
  readonly log: Log;
}

/** The type of the workflow that every node of a namespace has. */
const FEEDER_TYPE = 'feedRunners';
/** Number of concurrent requests to Temporal. There may be thousands of runners. */
const AT_A_TIME = 20;
const ADVICE =
  'bring that key back; for one that is lost for good see "Keys" in docs/operations.md';

/**
 * Throws when this node lacks the keys of workflows that it would have to continue. A worker
 * without them could neither run its builds nor report that to GitLab, and would break those of
 * other nodes. A workflow that only one other node has encrypted is only reported, because that
 * node may be gone for ever.
 */
export async function checkKeys({ histories, keyRingFile, ownIds, log }: KeyCheck): Promise<void> {
  const own = await findObstacles(histories, ownIds);
  const [first] = own;
  if (first !== undefined) throw new Error(describe(first, keyRingFile));
  const otherIds = (await histories.listOpen(FEEDER_TYPE)).filter((id) => !ownIds.includes(id));
  const others = await findObstacles(histories, otherIds);
  const [other] = others;
  if (other === undefined) return;
  if (others.length === otherIds.length) throw new Error(describe(other, keyRingFile));
  for (const { workflowId, reason } of others) {
    log.error('keys of another node are not here', { workflow: workflowId, reason });
  }
}

interface Obstacle {
  readonly workflowId: string;
  readonly reason: string;
}

async function findObstacles(
  histories: EncryptedHistories,
  workflowIds: readonly string[],
): Promise<readonly Obstacle[]> {
  const found: Obstacle[] = [];
  for (let start = 0; start < workflowIds.length; start += AT_A_TIME) {
    const few = workflowIds.slice(start, start + AT_A_TIME).map(async (workflowId) => {
      const reason = await histories.findObstacle(workflowId);
      return reason === undefined ? [] : [{ workflowId, reason }];
    });
    found.push(...(await Promise.all(few)).flat());
  }
  return found;
}

function describe({ workflowId, reason }: Obstacle, keyRingFile: string): string {
  return (
    `${workflowId} in Temporal cannot be read by the keys in ${keyRingFile}: ${reason}. ` +
    `Nothing was begun: ${ADVICE}`
  );
}
