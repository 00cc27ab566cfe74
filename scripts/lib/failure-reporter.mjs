import { relative } from 'node:path';
import { ROOT } from './paths.mjs';

const KEPT_CHARS = 1_500;

/**
 * A reporter of `node --test` that writes only the failures: the file, the test and the error's
 * first lines. They are shown again at the end of a run, where a person looks first and where a log
 * that is cut to its end still has them.
 */
export default async function* reportFailures(source) {
  for await (const { type, data } of source) {
    if (type === 'test:fail' && !isOnlyParent(data)) yield `${describe(data)}\n`;
  }
}

/** Whether a suite only failed because one of its tests did, which is already reported. */
function isOnlyParent({ details }) {
  return details.error?.failureType === 'subtestsFailed';
}

function describe({ file, line, name, details }) {
  const at = file === undefined ? '' : `${relative(ROOT, file)}${line ? `:${line}` : ''} `;
  const cause = details.error?.cause ?? details.error;
  const words = String(cause?.stack ?? cause?.message ?? cause)
    .replaceAll(/^ +at .*node:.*\n?/gm, '')
    .slice(0, KEPT_CHARS)
    .trimEnd();
  return `✖ ${at}› ${name}\n${words.replaceAll(/^/gm, '    ')}`;
}
