import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from './paths.mjs';
import { GROUP_END } from './test-events.mjs';

// A process costs a file of quick tests more than its tests do: Node's start, and the modules that
// it imports again. So in a whole run such files share a process.

const TESTS = join(ROOT, 'dist/test');
const RUN_GROUP = pathToFileURL(join(ROOT, 'scripts/lib/run-group.mjs')).href;

/** The folders whose files run together, and how many groups each makes, so that none takes long. */
const TOGETHER = [
  { folder: 'activities', groups: 1 },
  { folder: 'adapters', groups: 2 },
  { folder: 'commands', groups: 1 },
  { folder: 'domain', groups: 2 },
  { folder: 'worker', groups: 1 },
];

/**
 * Files, and folders, that keep a process of their own: they take several seconds, wait for Docker
 * or Temporal, or are about the process itself.
 */
export const ALONE = [
  'activities/cache/local-cache.test.js',
  'activities/death-of-the-worker.test.js',
  'activities/trace/trace-base.test.js',
  'adapters/archives/hostile-zips.test.js',
  'adapters/docker/',
  'adapters/session-server/session-server.test.js',
  'adapters/tar/tar.test.js',
  'adapters/temporal/',
  'commands/verify.test.js',
  'domain/files/glob.test.js',
  'domain/job/hostile-payload.test.js',
  'domain/script/',
  'domain/variables/shell-expand.test.js',
  'worker/recovery/recovery.test.js',
  'worker/workers.test.js',
];

/**
 * Puts quick files together. Returns the files that Node's runner has to run, in the order of
 * `files`: a group comes where its first member was. The files of the groups are written to
 * `directory`.
 */
export function groupTests(files, directory) {
  const groups = new Map();
  for (const file of files) {
    const key = groupOf(file, groups);
    groups.set(key, [...(groups.get(key) ?? []), file]);
  }
  return [...groups].map(([key, members]) =>
    members.length === 1 ? members[0] : writeGroup(join(directory, `${key}${GROUP_END}`), members),
  );
}

/** Returns the name of the group that the file belongs to. A file that runs alone is its own. */
function groupOf(file, groups) {
  const path = relative(TESTS, file).split(sep).join('/');
  const room = TOGETHER.find(({ folder }) => path.startsWith(`${folder}/`));
  if (room === undefined || ALONE.some((alone) => path.startsWith(alone))) return file;
  const names = Array.from({ length: room.groups }, (_, index) => `${room.folder}-${index + 1}`);
  const sizes = names.map((name) => groups.get(name)?.length ?? 0);
  return names[sizes.indexOf(Math.min(...sizes))];
}

/** Writes the program that runs these files of tests in its process, and returns its path. */
export function writeGroup(entry, members) {
  mkdirSync(join(entry, '..'), { recursive: true });
  writeFileSync(
    entry,
    `import { runGroup } from ${JSON.stringify(RUN_GROUP)};\nawait runGroup(${JSON.stringify(members, undefined, 2)});\n`,
  );
  return entry;
}
