import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import Dockerode from 'dockerode';
import { BUILD_LABEL } from '../../../src/adapters/docker/labels.ts';
import { CACHE_VOLUME_LABELS } from '../../../src/domain/executor/volumes.ts';
import { created, openEngine, randomName, runScript, volumeNames } from './support.ts';

/** Each test sees only its own volumes. */
let engine = openEngine();
await engine.info();
beforeEach(() => {
  engine = openEngine({ installation: randomName() });
});

const made: string[] = [];
// This hook runs after the containers of the tests are removed.
after(async () => {
  for (const name of made) {
    await new Dockerode()
      .getVolume(name)
      .remove()
      .catch(() => undefined);
  }
});

async function volume(
  labels: Readonly<Record<string, string>>,
  { of = engine, driverOptions = {} } = {},
): Promise<string> {
  const name = randomName();
  made.push(name);
  await of.ensureVolume({ name, labels, driverOptions });
  return name;
}

void test('only the caches that this installation made are listed', async () => {
  const mine = await volume(CACHE_VOLUME_LABELS);
  // A volume of a running build, one of another installation, one without an owner, and one that is
  // kept elsewhere.
  await volume({ ...CACHE_VOLUME_LABELS, [BUILD_LABEL]: 'b' });
  await volume(CACHE_VOLUME_LABELS, { of: openEngine({ installation: randomName() }) });
  await volume({});
  const driverOptions = { type: 'tmpfs', device: 'tmpfs' };
  await volume(CACHE_VOLUME_LABELS, { driverOptions });
  assert.deepEqual(await engine.listCacheVolumes(), [{ name: mine, isMounted: false }]);
});

void test('a volume that a container has mounted is reported and not removed', async (t) => {
  const name = await volume(CACHE_VOLUME_LABELS);
  // A volume of another program, whose container does not even run.
  const other = openEngine({ installation: randomName() });
  const id = await created(t, other, { binds: [`${name}:/cache`] });
  assert.deepEqual(await engine.listCacheVolumes(), [{ name, isMounted: true }]);
  assert.equal(await engine.removeIdleVolume(name), false);
  assert.ok((await volumeNames()).includes(name));

  await other.removeContainer(id);
  assert.deepEqual(await engine.listCacheVolumes(), [{ name, isMounted: false }]);
  assert.equal(await engine.removeIdleVolume(name), true);
  assert.equal(await engine.removeIdleVolume(name), true, 'an absent one is fine');
  assert.ok(!(await volumeNames()).includes(name));
});

void test('volumes are measured', async (t) => {
  const name = await volume(CACHE_VOLUME_LABELS);
  const script = 'head -c 3000000 /dev/zero > /cache/file';
  await runScript(t, engine, { script, binds: [`${name}:/cache`] });
  const bytes = (await engine.measureVolumes()).get(name) ?? 0;
  assert.ok(bytes >= 3_000_000 && bytes < 4_000_000, `${bytes}`);
});
