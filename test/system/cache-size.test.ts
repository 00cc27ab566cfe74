import assert from 'node:assert/strict';
import { readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import Docker from 'dockerode';
import { visit, volumesOf } from '../support/docker/cache-volumes.ts';
import { openInstallation, JOB_IMAGE, type Installation } from '../support/installation.ts';

const docker = new Docker();
const HOUR_MS = 3_600_000;
/** The number differs from run to run, so that volumes of an earlier run do not count. */
const BASE = 9_000_000 + process.pid * 10;
/** The projects. HOURS says how many hours ago their volumes were used. */
const IDS = { mounted: BASE + 1, oldest: BASE + 2, older: BASE + 3, current: BASE + 4 };
const HOURS = { mounted: 90, oldest: 80, older: 2, current: 0 };
/** Each volume takes 2 MB, so one of the four must be removed. */
const LIMIT = '7m';

describe('cache volumes that together take more than TEMPORAL_GITLAB_RUNNER_CACHE_SIZE', () => {
  let installation: Installation;
  let holder: Docker.Container | undefined;

  before(async () => {
    installation = await openInstallation({
      dockerToml: '    volumes = ["/cache"]',
      env: { TEMPORAL_GITLAB_RUNNER_CACHE_SIZE: LIMIT },
    });
    await installation.start();
  });
  after(async () => {
    await holder?.remove({ force: true });
    await installation.close();
  });

  it('lose the least recently used one that nothing has mounted, and no other', async () => {
    const fill = 'head -c 2000000 /dev/zero > /cache/file; echo filled';
    for (const project of Object.values(IDS))
      await visit(installation, { id: project, script: fill }, ['filled']);
    await installation.whenClean();
    await installation.runner.end('SIGTERM');
    const Binds = (await volumesOf(IDS.mounted)).map((name, index) => `${name}:/somewhere${index}`);
    holder = await docker.createContainer({ Image: JOB_IMAGE, HostConfig: { Binds } });

    // The state directory records the last use of a volume. The test moves it into the past there.
    const caches = join(installation.stateDir, 'caches');
    for (const key of ['mounted', 'oldest', 'older', 'current'] as const) {
      const time = new Date(Date.now() - HOURS[key] * HOUR_MS);
      for (const name of await volumesOf(IDS[key])) await utimes(join(caches, name), time, time);
    }
    const oldest = await volumesOf(IDS.oldest);
    const runner = await installation.start();
    const line = await runner.whenLog(/"size_mib":(1\.9|2),.*the caches took too much room/);
    const { volume, unused_hours } = JSON.parse(line) as Record<string, unknown>;
    assert.ok(oldest.includes(String(volume)), line);
    assert.equal(unused_hours, HOURS.oldest);

    // The sweep ends before this build does, and a build keeps its own volume.
    await visit(installation, { id: IDS.current, script: 'wc -c < /cache/file' }, ['2000000']);
    await installation.whenClean();
    assert.ok(!(await volumesOf(IDS.oldest)).includes(String(volume)));
    for (const key of ['mounted', 'older', 'current'] as const) {
      assert.equal((await volumesOf(IDS[key])).length, oldest.length, key);
    }
    const known = await readdir(caches);
    assert.ok(!known.includes(String(volume)), 'and its note with it');

    await visit(installation, { id: IDS.oldest, script: 'ls /cache; echo anew' }, ['anew']);
  });
});
