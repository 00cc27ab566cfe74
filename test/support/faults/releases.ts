import type { Edit } from '../other-build.ts';

// Releases that do not exist: this one with changed workflows, to try an upgrade and its way back.

/**
 * Returns an edit that imports functions under new names, because the source's own imports may
 * change.
 */
function importInto(file: string): Edit {
  const names = 'log as nextLog, patched as nextPatched, sleep as nextSleep';
  return { file, find: '', replace: `import { ${names} } from '@temporalio/workflow';\n` };
}

/**
 * In the next release each stage waits a moment before it begins. The wait is a new timer in every
 * history.
 */
export const NEXT_RELEASE: readonly Edit[] = [
  importInto('workflows/build/build-stages.js'),
  {
    file: 'workflows/build/build-stages.js',
    find: 'run: async (stage, options = {}) => {',
    replace: `run: async (stage, options = {}) => {
            nextLog.warn('stage of the next release', { stage: stage.name });
            if (nextPatched('next-release')) await nextSleep(10);`,
  },
];
/** In the release after that, each runner also does something new before each request. */
export const LATER_RELEASE: readonly Edit[] = [
  ...NEXT_RELEASE,
  importInto('workflows/serve-runner.js'),
  {
    file: 'workflows/serve-runner.js',
    find: 'jobRequests.begin(scope);',
    replace: `jobRequests.begin(scope);
    if (nextPatched('later-release')) await nextSleep(10);`,
  },
];
