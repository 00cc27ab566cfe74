import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ROOT } from './paths.mjs';

// This tells which files the events of Node's test runner are about. A file with a process of its
// own is reported as a test with the file's path as its name. So is the process of a group of files.
// Each file of a group is a suite with its path as its name (`run-group.mjs`).

/** The end of the names of programs that run a group of files. */
export const GROUP_END = '.group.mjs';

/** Whether the event is about a process: of one file of tests, or of a group of them. */
export function isProcess(data) {
  if (data.nesting > 0) return false;
  return data.name.endsWith(GROUP_END) || (data.name.endsWith('.test.js') && !isRunByGroup(data));
}

/** Whether the event is about a whole file of tests in the process of a group. */
export function isMember(data) {
  return data.nesting === 0 && data.name.endsWith('.test.js') && isRunByGroup(data);
}

/** Returns the path of the file that {@link isMember} or {@link isProcess} is about. */
export function pathOf(data) {
  // A test's own `file` is the one that calls `test` or `describe`.
  return isMember(data) ? resolve(ROOT, data.name) : data.file;
}

/** Returns the path of the file in which the program of a group notes its running member. */
export function runningFileOf(program) {
  return `${program}.running`;
}

/** Returns the path of the member that ran when the process of a group ended, if one did. */
export function readRunning(program) {
  const file = runningFileOf(program);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

function isRunByGroup({ file }) {
  return file?.endsWith('run-group.mjs') === true;
}
