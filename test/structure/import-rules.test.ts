import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, it } from 'node:test';
import { z } from 'zod';
import { projectRoot } from '../support/project-root.ts';

const OXLINT = join(projectRoot(), 'node_modules/oxlint/bin/oxlint');

/** For each folder, imports that its files may have, and imports that the linter reports. */
const FOLDERS: Record<string, { allowed: string[]; forbidden: string[] }> = {
  'src/domain': {
    allowed: ['../activities/contract.ts', './x.ts'],
    forbidden: [
      ...['node:fs', 'ky', '@temporalio/workflow', '../ports/clock.ts', '../adapters/x.ts'],
      ...['../workflows/x.ts', '../worker.ts', '../cli.ts', '../commands/x.ts'],
    ],
  },
  'src/ports': {
    allowed: ['../domain/x.ts'],
    forbidden: [
      ...['node:fs', 'ky', '../adapters/x.ts', '../workflows/x.ts', '../activities/x.ts'],
      ...['../worker.ts', '../commands/x.ts'],
    ],
  },
  'src/workflows': {
    allowed: ['@temporalio/workflow', '../domain/x.ts', '../activities/contract.ts'],
    forbidden: [
      ...['node:fs', 'ky', '@temporalio/client', '@scope/name/file.js', '../adapters/x.ts'],
      ...['../activities/stage.ts', '../worker.ts', '../commands/x.ts'],
    ],
  },
  'src/activities': {
    allowed: ['@temporalio/activity', '../domain/x.ts', '../ports/clock.ts'],
    forbidden: [
      ...['node:fs', 'ky', '@temporalio/client', '../adapters/x.ts', '../workflows/x.ts'],
      ...['../cli.ts', '../commands/x.ts'],
    ],
  },
  'src/adapters': {
    allowed: ['node:fs', 'ky', '../ports/clock.ts', '../domain/x.ts'],
    forbidden: ['../activities/x.ts', '../workflows/x.ts', '../worker.ts', '../commands/x.ts'],
  },
  'src/worker/recovery': {
    allowed: ['../../ports/workflows.ts'],
    forbidden: ['@temporalio/client', '@temporalio/worker'],
  },
};

let directory = '';

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tgr-import-rules-'));
  // The rules about imports need no types, which only the project itself has.
  const rules = await readFile(join(projectRoot(), '.oxlintrc.json'), 'utf8');
  await write('.oxlintrc.json', rules.replace('"typeAware": true', '"typeAware": false'));
});

after(() => rm(directory, { recursive: true }));

async function write(path: string, content: string): Promise<void> {
  const file = join(directory, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
}

/** Lints the files in the directory, and returns what is reported about imports: `<file>: <import>`. */
async function lint(): Promise<string[]> {
  const output = await new Promise<string>((resolve) => {
    const args = [OXLINT, '--format', 'json'];
    execFile(process.execPath, args, { cwd: directory }, (_error, stdout) => {
      resolve(stdout);
    });
  });
  const { diagnostics } = z
    .object({
      diagnostics: z.array(
        z.object({ code: z.string(), filename: z.string(), message: z.string() }),
      ),
    })
    .parse(JSON.parse(output));
  return diagnostics
    .filter(({ code }) => code.includes('no-restricted-imports'))
    .map(({ filename, message }) => `${filename}: ${/^'([^']+)'/.exec(message)?.[1] ?? message}`);
}

it('the linter reports the imports that a folder may not have, and no others', async () => {
  const expected = [];
  for (const [folder, { allowed, forbidden }] of Object.entries(FOLDERS)) {
    const file = `${folder}/planted.ts`;
    const lines = [...allowed, ...forbidden].map((name) => `import ${JSON.stringify(name)};\n`);
    await write(file, lines.join(''));
    expected.push(...forbidden.map((name) => `${file}: ${name}`));
  }
  assert.deepEqual((await lint()).sort(), expected.sort());
});

it('the linter reports a fault test that has no row in the table', async () => {
  await rm(join(directory, 'src'), { recursive: true, force: true });
  await write(
    'test/faults/planted.ts',
    `import { describe, it } from 'node:test';\nit; describe;\n`,
  );
  assert.deepEqual(await lint(), ['test/faults/planted.ts: it']);
});
