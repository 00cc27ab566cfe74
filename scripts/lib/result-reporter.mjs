import { relative } from 'node:path';
import { ROOT } from './paths.mjs';
import { isProcess } from './test-events.mjs';

/** A reporter of `node --test` that writes a line of JSON for each test that contains no other. */
export default async function* reportResults(source) {
  for await (const { type, data } of source) {
    if (!['test:pass', 'test:fail'].includes(type) || data.details.type === 'suite') continue;
    if (isFile(data) || data.details.error?.failureType === 'subtestsFailed') continue;
    const { name, file, skip, todo } = data;
    const state = skip || todo ? 'skipped' : type === 'test:pass' ? 'passed' : 'failed';
    const test = relative(ROOT, file ?? '').replace(/^(?:dist\/)?test\/|\.test\.[jt]s$/g, '');
    yield `${JSON.stringify({ state, test, name })}\n`;
  }
}

/**
 * Whether the test is a file. Node reports a file as a test of its own when it fails as a whole.
 */
function isFile(data) {
  return isProcess(data) && data.details.error === undefined;
}
