import { shareNode } from '../../support/shared-node.ts';

// In a whole run the groups of these files share one node. Each file can also be run alone.
await shareNode(async () => {
  await import('../scripts.test.ts');
  await import('../script-limits.test.ts');
  await import('../endings.test.ts');
  await import('../entrypoints.test.ts');
  await import('../inputs.test.ts');
  await import('../containers.test.ts');
});
