import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { openInstallation, type Installation } from '../support/installation.ts';
import { unpackProgram } from '../support/packed-program.ts';
import { NO_GIT } from '../support/scenario.ts';

describe('the program that `npm pack` packs', () => {
  let directory = '';
  let program = '';
  let cli = '';
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tgr-packed-'));
    program = await unpackProgram(directory);
    const { bin } = JSON.parse(await readFile(join(program, 'package.json'), 'utf8')) as {
      readonly bin: Readonly<Record<string, string>>;
    };
    cli = join(program, bin['temporal-gitlab-runner'] ?? '');
  });
  after(() => rm(directory, { recursive: true, force: true }));

  let installation: Installation;
  afterEach(() => installation.close());

  it('runs a job without the sources', async () => {
    installation = await openInstallation();
    await installation.start({}, cli);
    const job = installation.gitlab.addJob({ script: ['echo packed'], variables: [NO_GIT] });
    assert.equal(await job.whenFinished(), 'success');
    assert.match(job.log, /^packed$/m);
    await installation.whenClean();
  });

  it('ends without its workflow bundle, and says why and what to do', async () => {
    const bundle = join(program, 'dist/workflow-bundle.js');
    await rm(bundle);
    installation = await openInstallation();
    await assert.rejects(installation.start({}, cli));
    const { lines } = installation.runner;
    assert.equal(await installation.runner.whenExit(), 1);
    const last = JSON.parse(lines.at(-1) ?? '') as Record<string, unknown>;
    assert.equal(last['level'], 'fatal');
    assert.match(
      String(last['msg']),
      new RegExp(`^the workflow bundle ${bundle} cannot be read \\(ENOENT\\): build the program`),
    );
  });
});
