import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, it } from 'node:test';
import { openInstallation, type Installation } from '../support/installation.ts';
import { makeOtherBuild } from '../support/other-build.ts';

let directory: string | undefined;
let installation: Installation | undefined;
afterEach(async () => {
  await installation?.close();
  if (directory !== undefined) await rm(directory, { recursive: true });
});

it('a node without its workflow bundle ends, and says why and what to do', async () => {
  directory = await mkdtemp(join(tmpdir(), 'tgr-bundle-'));
  const cli = await makeOtherBuild(directory, []);
  const bundle = join(directory, 'dist/workflow-bundle.js');
  await rm(bundle);
  installation = await openInstallation();
  await assert.rejects(installation.start({}, cli));
  const { lines } = installation.runner;
  assert.equal(await installation.runner.whenExit(), 1);
  const last = JSON.parse(lines.at(-1) ?? '') as Record<string, unknown>;
  assert.equal(last['level'], 'error');
  assert.match(
    String(last['msg']),
    new RegExp(`^the workflow bundle ${bundle} cannot be read \\(ENOENT\\): build the program`),
  );
});
