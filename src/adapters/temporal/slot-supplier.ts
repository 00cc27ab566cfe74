import type { CustomSlotSupplier, SlotInfo, SlotPermit } from '@temporalio/worker';
import { createListeners, type Listeners } from '../../domain/listeners.ts';
import { leaveOn } from '../host/leave-on.ts';
import type { ResizableCapacity } from '../state/node-capacity.ts';

/** The part of the node's capacity that the supplier needs: whether a slot for a build is free. */
export type FreeSlots = Pick<ResizableCapacity, 'whenFree' | 'hasFree'>;

export interface SlotLimits {
  /** How many polls wait for a task at the same time. */
  readonly polls: number;
  /** The same for polls of a sticky queue, which only a worker of workflows has. */
  readonly stickyPolls?: number;
  /** How many tasks run at the same time. The default is any number. */
  readonly tasks?: number;
  /** The slots of the node, of which a task needs one. Without them only the numbers count. */
  readonly nodeSlots?: FreeSlots;
}

/**
 * The factor by which the SDK's poller limit exceeds the usual number of polls. It leaves room for
 * the new polls each time that Temporal is back.
 */
export const MOST_RENEWALS = 10;

/**
 * Creates Temporal's slots of one queue. The SDK reserves one before each poll. A reserved one
 * occupies no slot of the node, because its poll may wait a minute for a task.
 *
 * After a failure the SDK repeats a poll after pauses that grow to twelve seconds, which cannot be
 * configured. So the polls that failed while Temporal was away are no longer counted when it is
 * back, and new ones, which have not paused yet, begin at once.
 */
export function createSlotSupplier<SI extends SlotInfo>(
  { polls, stickyPolls = polls, tasks = Infinity, nodeSlots }: SlotLimits,
  returns: Pick<Listeners, 'add'>,
): CustomSlotSupplier<SI> {
  // A reserved slot first belongs to a poll, and then to the task that the poll has brought.
  const waiting = { sticky: new Set<SlotPermit>(), usual: new Set<SlotPermit>() };
  const busy = new Set<SlotPermit>();
  const freed = createListeners();
  returns.add(() => {
    waiting.sticky.clear();
    waiting.usual.clear();
    freed.tell();
  });
  const mayPoll = (isSticky: boolean): boolean =>
    busy.size < tasks &&
    (isSticky ? waiting.sticky.size < stickyPolls : waiting.usual.size < polls);
  const endPoll = (permit: SlotPermit): void => {
    waiting.sticky.delete(permit);
    waiting.usual.delete(permit);
  };
  return {
    type: 'custom',
    reserveSlot: async ({ isSticky }, signal) => {
      try {
        await nodeSlots?.whenFree(signal);
        while (!mayPoll(isSticky)) {
          await whenTold(freed, signal);
          await nodeSlots?.whenFree(signal);
        }
      } catch (error) {
        // When the SDK itself has aborted the wait, it expects exactly its own reason, and logs any
        // other error.
        throw signal.aborted ? signal.reason : error;
      }
      const permit: SlotPermit = {};
      (isSticky ? waiting.sticky : waiting.usual).add(permit);
      return permit;
    },
    tryReserveSlot: () => (busy.size < tasks && nodeSlots?.hasFree() !== false ? {} : null),
    markSlotUsed: ({ permit }) => {
      endPoll(permit);
      busy.add(permit);
      freed.tell();
    },
    releaseSlot: ({ permit }) => {
      endPoll(permit);
      busy.delete(permit);
      freed.tell();
    },
  };
}

/** Resolves when the listeners are told of a change. Rejects when the signal is aborted. */
async function whenTold(changes: Pick<Listeners, 'add'>, signal: AbortSignal): Promise<void> {
  let forget = (): void => undefined;
  const told = new Promise<void>((resolve) => {
    forget = changes.add(resolve);
  });
  await leaveOn(signal, told).finally(forget);
}
