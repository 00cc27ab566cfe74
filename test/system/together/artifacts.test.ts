import { shareNode } from '../../support/shared-node.ts';

// In a whole run the groups of these files share one node. Each file can also be run alone.
await shareNode(async () => {
  await import('../artifacts.test.ts');
  await import('../artifact-files.test.ts');
  await import('../artifact-links.test.ts');
  await import('../artifact-downloads.test.ts');
  await import('../artifact-uploads.test.ts');
});
