import type { ActivitySlotInfo, CustomSlotSupplier } from '@temporalio/worker';
import type { ResizableCapacity } from '../state/node-capacity.ts';

/** The part of the node's capacity that the supplier needs: whether there is room. */
export type Room = Pick<ResizableCapacity, 'whenFree' | 'hasFree'>;

/**
 * Creates the slots of the queue that asks GitLab for jobs. A node without room takes no task, so
 * another node does. A reserved slot occupies no place yet, because it may wait a minute for a
 * task. The task takes a place itself for each job request, and the place stays with the build that
 * the request brings.
 */
export function createSlotSupplier(room: Room): CustomSlotSupplier<ActivitySlotInfo> {
  return {
    type: 'custom',
    reserveSlot: async (_context, signal) => {
      try {
        await room.whenFree(signal);
      } catch (error) {
        // For a wait that the SDK aborted itself it accepts only its own reason; otherwise it logs
        // an error.
        throw signal.aborted ? signal.reason : error;
      }
      return {};
    },
    tryReserveSlot: () => (room.hasFree() ? {} : null),
    markSlotUsed: () => undefined,
    releaseSlot: () => undefined,
  };
}
