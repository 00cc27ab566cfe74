import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { openInstallation, type Installation } from '../support/installation.ts';
import { NO_GIT } from '../support/scenario.ts';

describe('signals', () => {
  let installation: Installation;
  beforeEach(async () => {
    installation = await openInstallation({ concurrent: 1 });
    await installation.start();
  });
  afterEach(() => installation.close());

  const waiting = (name: string) => ({
    name,
    script: ['echo begun', 'while [ ! -e /cache/go ]; do sleep 0.1; done'],
    variables: [NO_GIT],
  });

  it('SIGQUIT takes no more jobs, waits for the build that runs and exits with 0', async () => {
    const { gitlab } = installation;
    const job = gitlab.addJob({ script: ['echo begun', 'sleep 4'], variables: [NO_GIT] });
    await job.whenLog(/^begun$/m);
    const next = gitlab.addJob({ script: ['true'], variables: [NO_GIT] });
    const exitCode = await installation.runner.end('SIGQUIT', 60_000);
    assert.equal(exitCode, 0);
    assert.equal(job.state, 'success');
    assert.equal(next.state, 'pending');
    await installation.whenClean();
  });

  it('SIGHUP brings a new `concurrent` into force without a restart', async () => {
    const { gitlab, configPath } = installation;
    const first = gitlab.addJob(waiting('first'));
    const second = gitlab.addJob(waiting('second'));
    await first.whenLog(/^begun$/m);
    assert.equal(second.state, 'pending', 'there is one slot');
    const config = await readFile(configPath, 'utf8');
    await writeFile(configPath, config.replace('concurrent = 1', 'concurrent = 2'));
    installation.runner.signal('SIGHUP');
    await second.whenLog(/^begun$/m, 20_000);
    first.cancel();
    second.cancel();
    await Promise.all([first.whenFinished(), second.whenFinished()]);
    await installation.whenClean();
  });

  it('a broken config.toml changes nothing and is told by line; a good one counts again', async () => {
    const { gitlab, configPath } = installation;
    const config = await readFile(configPath, 'utf8');
    await writeFile(configPath, `${config}\n[[runners]\n`);
    installation.runner.signal('SIGHUP');
    await installation.runner.whenLog(/config\.toml:\d+:\d+: this is not TOML/);
    const job = gitlab.addJob({ script: ['true'], variables: [NO_GIT] });
    assert.equal(await job.whenFinished(), 'success');
    await writeFile(configPath, config.replaceAll(/^\[\[runners\]\][^]*$/gm, ''));
    installation.runner.signal('SIGHUP');
    // The question under way may still bring a job; then there is silence, which takes time to see.
    await delay(6_000);
    const before = gitlab.requests.length;
    const later = gitlab.addJob({ script: ['true'], variables: [NO_GIT] });
    await delay(3_000);
    assert.equal(later.state, 'pending', 'the runner was removed from the config');
    assert.equal(gitlab.requests.length, before);
  });
});
