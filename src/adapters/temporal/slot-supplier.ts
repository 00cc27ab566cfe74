import type { ActivitySlotInfo, CustomSlotSupplier } from '@temporalio/worker';
import type { ResizableCapacity } from '../state/node-capacity.ts';

/** Only what the supplier asks of the node's capacity: whether there is room at all. */
export type Room = Pick<ResizableCapacity, 'whenFree' | 'hasFree'>;

/**
 * Slots of the queue that asks GitLab for jobs. A node without room takes no turn, so another node
 * does. A reserved slot holds no place yet: it may wait a minute for a turn that never comes. The
 * turn takes its place itself, for each job request, and the place stays with the build that it brings.
 */
export function createSlotSupplier(room: Room): CustomSlotSupplier<ActivitySlotInfo> {
  return {
    type: 'custom',
    reserveSlot: async (_context, signal) => {
      try {
        await room.whenFree(signal);
      } catch (error) {
        // Of a wait that it called off itself the SDK takes its own reason only; else it logs a fault.
        throw signal.aborted ? signal.reason : error;
      }
      return {};
    },
    tryReserveSlot: () => (room.hasFree() ? {} : null),
    markSlotUsed: () => undefined,
    releaseSlot: () => undefined,
  };
}
