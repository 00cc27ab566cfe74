import { fileURLToPath } from 'node:url';

/** The bundle that workers load. The build makes it: another one for each test takes seconds. */
export const WORKFLOW_BUNDLE = {
  codePath: fileURLToPath(new URL('../../../workflow-bundle.js', import.meta.url)),
} as const;
