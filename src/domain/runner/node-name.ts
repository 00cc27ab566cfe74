const QUEUE_PREFIX = 'gitlab-runner-node-';

/** Returns the task queue of one node, for its builds and its config. */
export function nodeQueueOf(installation: string): string {
  return `${QUEUE_PREFIX}${installation}`;
}

/**
 * Returns the name of the node with this queue: its installation's id. Other texts are returned
 * unchanged.
 */
export function nodeNameOf(queue: string): string {
  return queue.startsWith(QUEUE_PREFIX) ? queue.slice(QUEUE_PREFIX.length) : queue;
}
