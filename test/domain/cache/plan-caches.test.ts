import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CacheConfig } from '../../../src/domain/runner/cache-config.ts';
import { planRestore, planSave, type PlannedCache } from '../../../src/domain/cache/plan-caches.ts';
import { buildVariables } from '../../../src/domain/variables/variables.ts';
import { contextOf } from '../job/context-fixture.ts';

const digests = {
  md5Hex: (text: string) => `md5-${text}`,
  sha256Hex: (text: string) => `5a${text}`,
};

const STORE: CacheConfig = {
  ...{ type: 's3', path: '', isShared: false, maxUploadedArchiveSizeBytes: 0 },
  s3: {
    ...{ serverAddress: '', accessKey: '', secretKey: '', sessionToken: '', bucketName: 'b' },
    ...{ bucketLocation: '', isInsecure: false, authenticationType: '', serverSideEncryption: '' },
    ...{ serverSideEncryptionKeyId: '', isDualStack: true, isPathStyle: undefined },
    isAccelerated: false,
  },
  gcs: { accessId: '', privateKey: '', credentialsFile: '', bucketName: '', universeDomain: '' },
  azure: { accountName: '', accountKey: '', containerName: '', storageDomain: '' },
};

interface Wishes {
  readonly cache?: Readonly<Record<string, unknown>>;
  readonly variables?: Readonly<Record<string, string>>;
  readonly store?: Partial<CacheConfig>;
  readonly job?: Readonly<Record<string, unknown>>;
}

function questionOf({ cache, variables = {}, store, job }: Wishes) {
  const context = contextOf({
    job: {
      cache: [{ key: 'deps', paths: ['vendor'], ...cache }],
      variables: Object.entries(variables).map(([key, value]) => ({ key, value })),
      ...job,
    },
    runner: store === undefined ? {} : { cache: { ...STORE, ...store } },
  });
  return { context, variables: buildVariables(context, { jobStatus: 'running' }), digests };
}

/** The only planned entry of the only cache. */
function restore(wishes: Wishes = {}): PlannedCache {
  const [order] = planRestore(questionOf(wishes));
  assert.ok(order);
  return order;
}

const wantedKeys = (order: PlannedCache) =>
  order.kind === 'wanted' ? order.addresses.map(({ humanKey }) => humanKey) : order.kind;
const wantedObjects = (order: PlannedCache) =>
  order.kind === 'wanted' ? order.addresses.map(({ objectName }) => objectName) : order.kind;
const texts = (order: PlannedCache) =>
  order.kind === 'refused' ? [] : order.lines.map(({ level, text }) => `${level}: ${text}`);

describe('the key of a cache', () => {
  const cases: [why: string, wishes: Wishes, expected: readonly string[] | string][] = [
    ['as the job says', {}, ['deps']],
    ['with variables', { cache: { key: '$OS-x' }, variables: { OS: 'linux' } }, ['linux-x']],
    ['without one: the names of job and ref', { cache: { key: '' } }, ['build/main']],
    ['nothing left of it', { cache: { key: '$NOTHING' } }, 'skipped'],
    ['nothing left of it', { cache: { key: '../..' } }, 'skipped'],
    [
      'a name of a job that leads elsewhere',
      { cache: { key: '' }, job: { job_info: { name: '../../x' } } },
      ['x/main'],
    ],
  ];
  for (const [why, wishes, expected] of cases) {
    it(`${JSON.stringify(wishes)} is ${JSON.stringify(expected)}: ${why}`, () => {
      assert.deepEqual(wantedKeys(restore(wishes)), expected);
    });
  }

  it('is named in a warning when it was changed, and when the cache is skipped because of it', () => {
    assert.deepEqual(texts(restore({ cache: { key: 'a/../b' } })), [
      'warning: cache key "a/../b" sanitized to "b"',
    ]);
    assert.deepEqual(texts(restore({ cache: { key: '..' } })), [
      'warning: cache key ".." could not be sanitized',
      'info: Skipping cache extraction due to empty cache key',
    ]);
    const [saved] = planSave(questionOf({ cache: { key: '$NOTHING' } }), 'success');
    assert.deepEqual(saved && texts(saved), [
      'info: Skipping cache archiving due to empty cache key',
    ]);
  });

  it('is one line in the trace, whatever it contains', () => {
    const order = restore({ cache: { key: 'a\nb' } });
    assert.equal(order.kind === 'wanted' && order.addresses[0].title, 'a\\nb');
  });
});

describe('the keys that are tried after it', () => {
  const cases: [why: string, wishes: Wishes, expected: readonly string[]][] = [
    [
      'in order',
      { cache: { fallback_keys: ['a', '$B'] }, variables: { B: 'b' } },
      ['deps', 'a', 'b'],
    ],
    ['empty ones do not count', { cache: { fallback_keys: ['', '$B'] } }, ['deps']],
    [
      'the variable comes last',
      { cache: { fallback_keys: ['a'] }, variables: { CACHE_FALLBACK_KEY: 'common' } },
      ['deps', 'a', 'common'],
    ],
    [
      'what protected refs have saved is not for whoever sets a variable',
      { variables: { CACHE_FALLBACK_KEY: 'main-protected' } },
      ['deps'],
    ],
    ['nor by a detour', { variables: { CACHE_FALLBACK_KEY: 'main-protected/x/%2e%2e' } }, ['deps']],
    ['nor with an ending', { variables: { CACHE_FALLBACK_KEY: 'main-protected. .' } }, ['deps']],
    [
      'GitLab itself ends the keys of the job',
      { cache: { fallback_keys: ['main-protected'] } },
      ['deps', 'main-protected'],
    ],
  ];
  for (const [why, wishes, expected] of cases) {
    it(`${JSON.stringify(wishes)}: ${why}`, () => {
      assert.deepEqual(wantedKeys(restore(wishes)), expected);
    });
  }

  const detours = ['x-protected', 'x-protected/.', 'y/../x-protected', 'x-protected/\0/..'];
  for (const key of detours) {
    it(`name no protected object while keys are hashed: ${JSON.stringify(key)}`, () => {
      const order = restore({
        variables: { CACHE_FALLBACK_KEY: key, FF_HASH_CACHE_KEYS: 'true' },
        store: {},
      });
      assert.deepEqual(wantedKeys(order), ['deps']);
    });
  }

  it('are named when they are refused', () => {
    assert.deepEqual(texts(restore({ variables: { CACHE_FALLBACK_KEY: 'x-protected' } })), [
      'warning: CACHE_FALLBACK_KEY "x-protected" not allowed to end in "-protected"',
    ]);
  });

  it('do not matter for a cache that is saved', () => {
    const question = questionOf({ cache: { fallback_keys: ['a'] } });
    const [order] = planSave(question, 'success');
    assert.deepEqual(order && wantedKeys(order), ['deps']);
  });
});

describe('the policy of a cache', () => {
  const cases: [policy: string, restored: string, saved: string][] = [
    ['', 'wanted', 'wanted'],
    ['pull-push', 'wanted', 'wanted'],
    ['pull', 'wanted', 'skipped'],
    ['push', 'skipped', 'wanted'],
    ['$POLICY', 'wanted', 'skipped'],
    ['$NOTHING', 'wanted', 'wanted'],
    ['PULL', 'refused', 'refused'],
  ];
  for (const [policy, restored, saved] of cases) {
    it(`${JSON.stringify(policy)}: ${restored} before, ${saved} after the scripts`, () => {
      const question = questionOf({ cache: { policy }, variables: { POLICY: 'pull' } });
      assert.deepEqual(
        [planRestore(question)[0]?.kind, planSave(question, 'success')[0]?.kind],
        [restored, saved],
      );
    });
  }

  it('is reported with gitlab-runner’s text', () => {
    assert.deepEqual(texts(restore({ cache: { policy: 'push' } })), [
      'info: Not downloading cache deps due to policy',
    ]);
    const [saved] = planSave(questionOf({ cache: { policy: 'pull' } }), 'success');
    assert.deepEqual(saved && texts(saved), ['info: Not uploading cache deps due to policy']);
    const refused = restore({ cache: { policy: 'fetch' } });
    assert.match(
      refused.kind === 'refused' ? refused.message : '',
      /^unknown cache policy "fetch" for deps/,
    );
  });
});

describe('saving', () => {
  it('follows the way in which the scripts ended', () => {
    const input = questionOf({ cache: { when: 'on_failure' } });
    assert.deepEqual(planSave(input, 'success'), []);
    assert.equal(planSave(input, 'failure').length, 1);
  });

  it('a cache without files is skipped silently', () => {
    assert.deepEqual(planRestore(questionOf({ cache: { paths: [] } })), []);
    assert.deepEqual(planSave(questionOf({ cache: { paths: [] } }), 'success'), []);
  });
});

describe('where a cache is kept', () => {
  const objects: [why: string, wishes: Wishes, expected: readonly (string | undefined)[]][] = [
    ['no store', {}, [undefined]],
    ['a store of no kind', { store: { type: '' } }, [undefined]],
    ['of one runner and project', { store: {} }, ['runner/AbCdEfGhI/project/42/deps']],
    ['below a path', { store: { path: 'a/b/' } }, ['a/b/runner/AbCdEfGhI/project/42/deps']],
    ['of all runners', { store: { isShared: true } }, ['project/42/deps']],
    ['with parts', { store: {}, cache: { key: 'a/b' } }, ['runner/AbCdEfGhI/project/42/a/b']],
    [
      'hashed and spread over prefixes',
      { store: { isShared: true }, variables: { FF_HASH_CACHE_KEYS: 'true' } },
      ['project/42/5a/5adeps'],
    ],
  ];
  for (const [why, wishes, expected] of objects) {
    it(`is the object ${JSON.stringify(expected)}: ${why}`, () => {
      assert.deepEqual(wantedObjects(restore(wishes)), expected);
    });
  }

  it('is a directory that gitlab-runner uses too, so that existing caches are found', () => {
    const directoryOf = (wishes: Wishes) => {
      const order = restore(wishes);
      return order.kind === 'wanted' ? order.addresses[0].directory : order.kind;
    };
    assert.equal(directoryOf({}), '/cache/group/app/deps');
    assert.equal(
      directoryOf({ variables: { GIT_STRATEGY: 'empty' } }),
      '/cache/group/app-empty/deps',
    );
    assert.equal(
      directoryOf({ variables: { FF_HASH_CACHE_KEYS: 'true' } }),
      '/cache/group/app/5adeps',
    );
  });

  it('includes the name of the other naming, for archives from before the flag was changed', () => {
    const otherOf = (wishes: Wishes) => {
      const order = restore({ ...wishes, store: { isShared: true } });
      return order.kind === 'wanted' ? order.addresses[0].otherObjectName : order.kind;
    };
    assert.equal(otherOf({}), 'project/42/5a/5adeps');
    const variables = { FF_HASH_CACHE_KEYS: 'true' };
    assert.equal(otherOf({ variables }), 'project/42/deps');
    // A key that was only hashed was never checked, and it must not lead out of the project.
    const cache = { key: '../43/deps' };
    assert.equal(otherOf({ variables, cache }), undefined);
  });

  it('is separate for every project, whatever the key is', () => {
    for (const key of ['../../43/deps', '%2e%2e/%2e%2e/43/x', '..\\43', '/../../project/43/x']) {
      const order = restore({ store: {}, cache: { key } });
      assert.ok(order.kind === 'wanted');
      const [{ objectName, directory }] = order.addresses;
      assert.match(objectName ?? '', /^runner\/AbCdEfGhI\/project\/42\/[^.]/);
      assert.match(directory, /^\/cache\/group\/app\/[^.]/);
    }
  });
});
