import { shareNode } from '../../support/shared-node.ts';

// In a whole run the groups of these files share one node. Each file can also be run alone.
await shareNode(async () => {
  await import('../timeouts.test.ts');
  await import('../source-settings.test.ts');
  await import('../feature-flags.test.ts');
  await import('../variables.test.ts');
  await import('../secrets.test.ts');
  await import('../services.test.ts');
  await import('../service-settings.test.ts');
});
