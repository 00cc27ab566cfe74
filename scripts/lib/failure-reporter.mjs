import { relative } from 'node:path';
import { ROOT } from './paths.mjs';
import { isMember, isProcess, pathOf, readRunning } from './test-events.mjs';

const KEPT_CHARS = 1_500;
const KEPT_STDERR_CHARS = 3_000;

/**
 * A reporter of `node --test` that writes only the failures: the file, the test and the error's
 * first lines. They are shown again at the end of a run, where a person looks first and where a log
 * that is cut to its end still has them. A file may also fail without a failing test: its process
 * has crashed, or something has failed outside the tests. Such files come last, with the end of
 * their stderr, because stderr may arrive after the event of the failure.
 */
export default async function* reportFailures(source) {
  const stderr = new Map();
  const files = [];
  let strays = [];
  for await (const { type, data } of source) {
    if (type === 'test:stderr') keep(stderr, data);
    else if (isStray(type, data)) strays.push(data.message);
    else if (type === 'test:fail' && isProcess(data)) {
      files.push({ ...data, strays });
      strays = [];
    } else if (type === 'test:fail' && !isOnlyParent(data)) yield `${describe(data)}\n`;
  }
  for (const file of files) {
    if (!isExplained(file)) yield `${describeFile(file, stderr.get(file.file) ?? '')}\n`;
  }
}

function keep(stderr, { file, message }) {
  stderr.set(file, `${stderr.get(file) ?? ''}${message}`.slice(-KEPT_STDERR_CHARS));
}

/**
 * Whether the event tells of an error that belongs to no running test. Node 20 does not name the
 * file, but that file is the next one that is reported as failed.
 */
function isStray(type, { nesting, message }) {
  const isError = /^(?:Error|Warning): .* generated asynchronous activity after/s.test(message);
  return type === 'test:diagnostic' && nesting === 0 && isError;
}

/** Whether a suite only failed because one of its tests did, which is already reported. */
function isOnlyParent({ details }) {
  return details.error?.failureType === 'subtestsFailed';
}

/** Whether a file failed only because of its failing tests, which are already reported. */
function isExplained(file) {
  const { exitCode, signal } = file.details.error ?? {};
  return isOnlyParent(file) && exitCode === 1 && signal === null && file.strays.length === 0;
}

function describe(data) {
  const { file, line, name, details } = data;
  if (isMember(data)) return `✖ ${relative(ROOT, pathOf(data))}\n${indent(wordsOf(details.error))}`;
  const at = file === undefined ? '' : `${relative(ROOT, file)}${line ? `:${line}` : ''} `;
  return `✖ ${at}› ${name}\n${indent(wordsOf(details.error))}`;
}

function describeFile({ file, details, strays }, stderr) {
  const words = stderr.trim();
  const said = words === '' ? 'It wrote nothing to stderr.' : `The end of its stderr:\n${words}`;
  const lines = [...strays, said].join('\n');
  const running = readRunning(file);
  const when = running === undefined ? '' : ` while ${relative(ROOT, running)} ran`;
  return `✖ ${relative(ROOT, file)} › ${howEnded(details.error)}${when}\n${indent(lines)}`;
}

function howEnded(error) {
  if (error?.signal) return `its process was ended by ${error.signal}`;
  if (error?.exitCode) return `its process ended with exit code ${error.exitCode}`;
  return wordsOf(error);
}

function wordsOf(error) {
  const cause = error?.cause ?? error;
  return String(cause?.stack ?? cause?.message ?? cause)
    .replaceAll(/^ +at .*node:.*\n?/gm, '')
    .slice(0, KEPT_CHARS)
    .trimEnd();
}

function indent(text) {
  return text.replaceAll(/^/gm, '    ');
}
