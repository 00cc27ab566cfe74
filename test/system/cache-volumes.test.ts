import assert from 'node:assert/strict';
import { readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import Docker from 'dockerode';
import { visit, volumesOf } from '../support/docker/cache-volumes.ts';
import { openInstallation, JOB_IMAGE, type Installation } from '../support/installation.ts';

const docker = new Docker();
const DAY_MS = 24 * 3_600_000;
/** The number differs from run to run, so that volumes of an earlier run do not count. */
const BASE = 8_000_000 + process.pid * 10;
const IDS = { forgotten: BASE + 1, current: BASE + 2, mounted: BASE + 3 };
/** A volume of another program. Its name and labels are similar to those of this runner. */
const FOREIGN = `tgr-test-foreign-${process.pid}`;
const LABELS = {
  'com.gitlab.gitlab-runner.type': 'cache',
  'com.gitlab.gitlab-runner.reusable': 'true',
};

describe('cache volumes that no job has used for a long time', () => {
  let installation: Installation;
  let holder: Docker.Container | undefined;

  before(async () => {
    installation = await openInstallation({
      dockerToml: '    volumes = ["/cache"]',
      env: { TEMPORAL_GITLAB_RUNNER_CACHE_DAYS: '30' },
    });
    await docker.createVolume({ Name: FOREIGN, Labels: LABELS });
    await installation.start();
  });
  after(async () => {
    await holder?.remove({ force: true });
    await docker.getVolume(FOREIGN).remove({ force: true });
    await installation.close();
  });

  it('are removed, and those in use, used recently or of somebody else are kept', async () => {
    const fill = 'head -c 2000000 /dev/zero > /cache/file; echo filled';
    for (const project of Object.values(IDS))
      await visit(installation, { id: project, script: fill }, ['filled']);
    await installation.whenClean();
    await installation.runner.end('SIGTERM');
    const [mounted = ''] = await volumesOf(IDS.mounted);
    const Binds = [`${mounted}:/somewhere`];
    holder = await docker.createContainer({ Image: JOB_IMAGE, HostConfig: { Binds } });

    // The state directory records the last use of a volume. The test moves it into the past there.
    const caches = join(installation.stateDir, 'caches');
    const long = new Date(Date.now() - 31 * DAY_MS);
    const short = new Date(Date.now() - 29 * DAY_MS);
    const current = await volumesOf(IDS.current);
    for (const name of await readdir(caches)) {
      const time = current.includes(name) ? short : long;
      await utimes(join(caches, name), time, time);
    }
    const forgotten = await volumesOf(IDS.forgotten);
    assert.ok(forgotten.length > 0);
    const runner = await installation.start();
    const line = await runner.whenLog(/"size_mib":(1\.9|2),.*cache volume removed/);
    const { volume, unused_days } = JSON.parse(line) as Record<string, unknown>;
    assert.ok(forgotten.includes(String(volume)), line);
    assert.equal(unused_days, 31);

    // The sweep ends before this build does, and a build keeps its own volume.
    await visit(installation, { id: IDS.current, script: 'wc -c < /cache/file' }, [/^2000000$/m]);
    assert.deepEqual(await volumesOf(IDS.forgotten), []);
    assert.notDeepEqual(await volumesOf(IDS.current), []);
    assert.notDeepEqual(await volumesOf(IDS.mounted), []);
    await docker.getVolume(FOREIGN).inspect();
    const removed = runner.lines.filter((text) => text.includes('cache volume removed'));
    assert.equal(removed.length, forgotten.length);

    await visit(installation, { id: IDS.forgotten, script: 'ls /cache; echo anew' }, ['anew']);
    const known = await readdir(caches);
    assert.ok(forgotten.every((name) => known.includes(name)));
  });
});
