import { shareNode } from '../../support/shared-node.ts';

// In a whole run the groups of these files share one node. Each file can also be run alone. The jobs
// run one after another, because each has to find the volumes of the one before.
await shareNode(async () => {
  await import('../caches.test.ts');
  await import('../cache-keys.test.ts');
  await import('../odd-files.test.ts');
  await import('../sources.test.ts');
}, 1);
