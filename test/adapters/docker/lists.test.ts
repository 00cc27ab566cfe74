import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { test } from 'node:test';
import { BUILD_LABEL, INSTALLATION_LABEL } from '../../../src/adapters/docker/labels.ts';
import { CACHE_VOLUME_LABELS } from '../../../src/domain/executor/volumes.ts';
import { engineFor, PATIENT } from './fake-daemon.ts';

// Everything in these lists is removed. This daemon ignores every filter; Podman 4 lists the
// volumes that match any of several.

const OWN = { [INSTALLATION_LABEL]: 'engine-test' };
const OTHER = { [INSTALLATION_LABEL]: 'other' };
const B1 = { [BUILD_LABEL]: 'b1' };
const B2 = { [BUILD_LABEL]: 'b2' };

const objects: Readonly<Record<string, Readonly<Record<string, string>> | null>> = {
  'of-b1': { ...OWN, ...B1 },
  'of-b2': { ...OWN, ...B2 },
  "another-installation's": { ...OTHER, ...B1 },
  'of-another-build-there': { ...OTHER, [BUILD_LABEL]: 'b3' },
  'of-no-installation': { ...B1 },
  'a-cache': { ...OWN, ...CACHE_VOLUME_LABELS },
  "another-installation's-cache": { ...OTHER, ...CACHE_VOLUME_LABELS },
  "a-person's": { 'com.example': 'mine' },
  unlabelled: null,
};

const answer: RequestListener = ({ url = '' }, response) => {
  const named = Object.entries(objects).map(([name, Labels]) => ({
    ...{ Id: name, Name: name, Labels, Driver: 'local', Options: {} },
  }));
  response.end(JSON.stringify(url.includes('/volumes') ? { Volumes: named } : named));
};

void test('of all listed objects only those with all labels belong to a build', async (t) => {
  const engine = await engineFor(t, answer, { timing: PATIENT });
  assert.deepEqual(await engine.listByLabels(B1), {
    containers: ['of-b1'],
    volumes: ['of-b1'],
    networks: ['of-b1'],
  });
});

void test('of all listed objects only those of this installation name builds', async (t) => {
  const engine = await engineFor(t, answer, { timing: PATIENT });
  assert.deepEqual(await engine.listBuildIds(), ['b1', 'b2']);
});

void test('of all listed volumes only this installation’s caches are cache volumes', async (t) => {
  const engine = await engineFor(t, answer, { timing: PATIENT });
  const caches = await engine.listCacheVolumes();
  assert.deepEqual(
    caches.map(({ name }) => name),
    ['a-cache'],
  );
});

void test('volumes of another driver, or with driver options, are not managed as caches', async (t) => {
  const Labels = { ...OWN, ...CACHE_VOLUME_LABELS };
  const Volumes = [
    { Name: 'local', Labels, Driver: 'local', Options: null },
    { Name: 'nfs', Labels, Driver: 'nfs', Options: null },
    { Name: 'tmpfs', Labels, Driver: 'local', Options: { type: 'tmpfs' } },
  ];
  const engine = await engineFor(t, (_, response) => response.end(JSON.stringify({ Volumes })), {
    timing: PATIENT,
  });
  assert.deepEqual(
    (await engine.listCacheVolumes()).map(({ name }) => name),
    ['local'],
  );
});

void test('dangling volumes are requested alone, because an engine may combine filters with "or"', async (t) => {
  const asked: unknown[] = [];
  const engine = await engineFor(
    t,
    ({ url = '' }, response) => {
      const { searchParams } = new URL(url, 'http://docker');
      asked.push(Object.keys(JSON.parse(searchParams.get('filters') ?? '{}') as object));
      response.end(JSON.stringify({ Volumes: [] }));
    },
    { timing: PATIENT },
  );
  await engine.listCacheVolumes();
  assert.deepEqual(asked, [['label'], ['dangling']]);
});
