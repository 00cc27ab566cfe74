import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { projectRoot } from './project-root.ts';

const SCRIPTS = join(projectRoot(), 'scripts/lib');

const PASSING = `import { after, before, test } from 'node:test';
import { writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
test('passes', () => undefined);
`;

/** Files of tests by their names. No test of them fails, except in `failing`. */
const FILES: Readonly<Record<string, string>> = {
  passing: PASSING,
  failing: `${PASSING} test('fails', () => { throw new Error('a fault of the test'); });`,
  exits: `${PASSING} after(() => { console.error('words before the exit'); process.exit(3); });`,
  aborts: `${PASSING} after(() => { writeSync(2, 'FATAL ERROR: no memory\\n'); process.abort(); });`,
  killed: `${PASSING} after(() => process.kill(process.pid, 'SIGKILL'));`,
  rejects: `${PASSING} setTimeout(() => Promise.reject(new Error('nobody waits')), 50);`,
  throws: `${PASSING} setTimeout(() => { throw new Error('nobody catches'); }, 50);`,
  broken: `${PASSING} throw new Error('cannot be loaded');`,
};

/** Files for groups, in addition to {@link FILES}. */
const MEMBERS: Readonly<Record<string, string>> = {
  ...FILES,
  leaving: `${PASSING} test('sets', () => { process.env.TGR_LEFT = '1'; });`,
  last: PASSING,
};

interface Groups {
  writeGroup(entry: string, members: readonly string[]): string;
}

/** Writes these files and returns their paths. */
async function writeFiles(
  directory: string,
  texts: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const files: string[] = [];
  for (const [name, text] of Object.entries(texts)) {
    const file = join(directory, `${name}.test.js`);
    await writeFile(file, text);
    files.push(file);
  }
  await writeFile(join(directory, 'package.json'), '{"type":"module"}');
  return files;
}

/** Runs the files as `npm test` does. Returns the failures that it shows at its end. */
async function failuresOf(directory: string, files: readonly string[]): Promise<readonly string[]> {
  const [failures, durations] = [join(directory, 'failures'), join(directory, 'durations')];
  const options = { files, concurrency: 2, limitMs: 60_000, failures, durations };
  // Node's runner does nothing in a process of another run.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const args = ['--import', join(SCRIPTS, 'tell-strays.mjs'), join(SCRIPTS, 'test-process.mjs')];
  const exitCode = await new Promise((resolve) => {
    const child = execFile(process.execPath, [...args, JSON.stringify(options)], { env });
    child.once('close', resolve);
  });
  assert.equal(exitCode, 1);
  return (await readFile(failures, 'utf8')).split(/^(?=✖ )/m);
}

describe('the list of failures at the end of a run', () => {
  let directory: string;
  let failures: readonly string[];
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tgr-failures-'));
    failures = await failuresOf(directory, await writeFiles(directory, FILES));
  });
  after(() => rm(directory, { recursive: true, force: true }));

  const failureOf = (name: string): string => {
    const found = failures.filter((text) => text.split('\n', 1)[0]?.includes(`/${name}.test.js`));
    assert.equal(found.length, 1, failures.join(''));
    return found[0] ?? '';
  };

  const ENDS: readonly [name: string, ...expected: RegExp[]][] = [
    ['failing', /› fails\n/, /a fault of the test/],
    ['exits', /› its process ended with exit code 3\n/, /words before the exit/],
    ['aborts', /› its process was ended by SIGABRT\n/, /FATAL ERROR: no memory/],
    ['killed', /› its process was ended by SIGKILL\n {4}It wrote nothing to stderr\.\n$/],
    [
      'rejects',
      /› its process ended with exit code 1\n/,
      /nobody waits\n +at .*rejects\.test\.js:5/,
    ],
    [
      'throws',
      /› its process ended with exit code 1\n/,
      /nobody catches\n +at .*throws\.test\.js:5/,
    ],
    ['broken', /› its process ended with exit code [17]\n/, /Error: cannot be loaded/],
  ];
  for (const [name, ...expected] of ENDS) {
    it(`says of the file ${name}: ${expected.join(', ')}`, () => {
      const text = failureOf(name);
      for (const pattern of expected) assert.match(text, pattern);
    });
  }

  it('names no file that passes', () => {
    assert.equal(failures.length, ENDS.length, failures.join(''));
  });

  it('tells an error after the end of the tests in the words of the runner', () => {
    for (const name of ['rejects', 'throws']) {
      assert.match(failureOf(name), /generated asynchronous activity after the test ended/);
    }
  });
});

describe('the list of failures of files that share a process', () => {
  const GROUPS: Readonly<Record<string, readonly string[]>> = {
    mixed: ['passing', 'failing', 'broken', 'leaving', 'last'],
    exiting: ['passing', 'exits', 'last'],
    aborting: ['aborts', 'last'],
    straying: ['rejects', 'last'],
  };
  const EXPECTED: readonly (readonly RegExp[])[] = [
    [/failing\.test\.js:5 › fails\n/, /a fault of the test/],
    [/broken\.test\.js:4 › passes\n/, /was cancelled/],
    [/broken\.test\.js\n/, /Error: cannot be loaded/],
    [/leaving\.test\.js\n/, /its tests left these changed/, /process\.env\.TGR_LEFT/],
    [
      /exiting\.group\.mjs › its process ended with exit code 3 while .*\/exits\.test\.js ran\n/,
      /words before the exit/,
    ],
    [/aborting\.group\.mjs › its process was ended by SIGABRT while .*\/aborts\.test\.js ran\n/],
    [
      /straying\.group\.mjs › its process ended with exit code 1\n/,
      /nobody waits\n +at .*rejects\.test\.js:5/,
    ],
  ];
  let directory: string;
  let failures: readonly string[];
  let durations: readonly { readonly file: string }[];
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tgr-failures-'));
    await writeFiles(directory, MEMBERS);
    const script = pathToFileURL(join(SCRIPTS, 'test-groups.mjs')).href;
    const { writeGroup } = (await import(script)) as Groups;
    const entries = Object.entries(GROUPS).map(([name, members]) =>
      writeGroup(
        join(directory, `${name}.group.mjs`),
        members.map((member) => join(directory, `${member}.test.js`)),
      ),
    );
    failures = await failuresOf(directory, entries);
    const lines = (await readFile(join(directory, 'durations'), 'utf8')).trim().split('\n');
    durations = lines.map((line) => JSON.parse(line) as { readonly file: string });
  });
  after(() => rm(directory, { recursive: true, force: true }));

  for (const patterns of EXPECTED) {
    it(`has ${patterns.join(', ')}`, () => {
      const found = failures.filter((text) =>
        patterns[0]?.test(text.slice(0, text.indexOf('\n') + 1)),
      );
      assert.equal(found.length, 1, failures.join(''));
      for (const pattern of patterns) assert.match(found[0] ?? '', pattern);
    });
  }

  it('has nothing else', () => {
    assert.equal(failures.length, EXPECTED.length, failures.join(''));
  });

  it('comes with the duration of each file, also of those after a failing one', () => {
    const timed = durations.map(({ file }) => file);
    for (const name of GROUPS.mixed ?? []) {
      assert.ok(timed.includes(join(directory, `${name}.test.js`)), `${name}: ${timed.join()}`);
    }
    assert.ok(
      timed.every((file) => file.endsWith('.test.js')),
      timed.join(),
    );
  });
});
