import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { resolveImage } from '../../../src/activities/environment/images.ts';
import { createLiveBuilds } from '../../../src/activities/build/live-builds.ts';
import type { ContainerEngine, ImageInfo, PullOptions } from '../../../src/ports/index.ts';
import type { ContainerPlace, PlannedImage } from '../../../src/domain/executor/environment.ts';
import { FinalError, TransientError } from '../../../src/domain/failure.ts';
import { defaultHelperImage } from '../../../src/domain/executor/helper-image.ts';
import type { DockerConfig } from '../../../src/domain/runner/config.ts';
import { contextOf, type ContextChanges } from '../../domain/job/context-fixture.ts';
import { openProcess, type ProcessOptions } from '../support/process.ts';
import { createWorld } from '../support/world.ts';

interface Given {
  readonly place?: ContainerPlace;
  readonly image?: Partial<PlannedImage>;
  readonly local?: readonly string[];
  readonly engine?: Partial<ContainerEngine>;
  readonly job?: ContextChanges['job'];
  readonly docker?: Partial<DockerConfig>;
  readonly ports?: ProcessOptions['ports'];
  readonly signal?: AbortSignal;
}

/** The lines in the trace, without colours, and the result. */
async function resolve({ place = 'build', image, local = [], engine, ...given }: Given) {
  const { job, docker, ports, signal } = given;
  const plain = contextOf(job === undefined ? {} : { job });
  const runner = { ...plain.runner, docker: { ...plain.runner.docker, ...docker } };
  const context = { ...plain, runner };
  const world = createWorld(context, { keeps: 'everything' });
  for (const reference of local) world.docker.images.add(reference);
  const process = openProcess(world, { ...(engine && { engine }), ...(ports && { ports }) });
  const build = await createLiveBuilds(process.ports).open(context.buildId);
  const plan: PlannedImage = {
    reference: 'alpine:3',
    policies: ['always'],
    platform: '',
    ...image,
  };
  const wanted = { ports: process.ports, place, image: plan };
  const { signal: never } = new AbortController();
  const answer = await resolveImage(build, { ...wanted, signal: signal ?? never }).then(
    ({ reference }) => ({ reference, error: undefined }),
    (error: unknown) => ({ reference: undefined, error }),
  );
  const lines = world.spool.saved.text
    .replace(/\u001b\[[0-9;]*[mK]/g, '')
    .split('\n')
    .slice(0, -1);
  return { ...answer, lines, pulls: world.docker.pulls };
}

const refused = new FinalError('RunnerConfiguration', 'pull access denied');

const AMD64: ImageInfo = {
  ...{ id: 'sha256:amd64', repoDigests: [], user: '', entrypoint: [] },
  platform: { os: 'linux', architecture: 'amd64' },
};

describe('the image of a container', () => {
  const cases: [why: string, given: Given, reference: string, lines: readonly string[]][] = [
    [
      'it is pulled',
      {},
      'sha256:alpine:3',
      [
        'Using effective pull policy of [always] for container alpine:3',
        'Pulling docker image alpine:3 ...',
        'Using docker image sha256:alpine:3 for alpine:3 ...',
      ],
    ],
    [
      'it is pulled though it is there',
      { local: ['alpine:3'] },
      'sha256:alpine:3',
      [
        'Using effective pull policy of [always] for container alpine:3',
        'Pulling docker image alpine:3 ...',
        'Using docker image sha256:alpine:3 for alpine:3 ...',
      ],
    ],
    [
      'it is there',
      { local: ['alpine:3'], image: { policies: ['if-not-present'] } },
      'sha256:alpine:3',
      [
        'Using effective pull policy of [if-not-present] for container alpine:3',
        'Using locally found image version due to "if-not-present" pull policy',
        'Using docker image sha256:alpine:3 for alpine:3 ...',
      ],
    ],
    [
      'it is not there',
      { image: { policies: ['if-not-present'], platform: 'linux/arm64' } },
      'sha256:alpine:3',
      [
        'Using effective pull policy of [if-not-present] for container alpine:3',
        'Pulling docker image alpine:3 for platform linux/arm64 ...',
        'Using docker image sha256:alpine:3 for alpine:3 ...',
      ],
    ],
    [
      'it is there for another platform only',
      {
        image: { policies: ['if-not-present'], platform: 'linux/arm64' },
        engine: { inspectImage: () => Promise.resolve(AMD64) },
      },
      'sha256:alpine:3',
      [
        'Using effective pull policy of [if-not-present] for container alpine:3',
        'Pulling docker image alpine:3 for platform linux/arm64 ...',
        'Using docker image sha256:alpine:3 for alpine:3 ...',
      ],
    ],
    [
      'it may be there for the platform too, and the registry fails',
      {
        image: { policies: ['if-not-present'], platform: 'linux/arm64' },
        engine: {
          inspectImage: () => Promise.resolve(AMD64),
          pullImage: () => Promise.reject(refused),
        },
      },
      'sha256:amd64',
      [
        'Using effective pull policy of [if-not-present] for container alpine:3',
        'Pulling docker image alpine:3 for platform linux/arm64 ...',
        'WARNING: Image alpine:3 was not pulled for linux/arm64, using what is there: pull access denied',
        'Using docker image sha256:amd64 for alpine:3 ...',
      ],
    ],
    [
      'it is there for the platform',
      {
        image: { policies: ['if-not-present'], platform: 'linux/x86_64' },
        engine: { inspectImage: () => Promise.resolve(AMD64) },
      },
      'sha256:amd64',
      [
        'Using effective pull policy of [if-not-present] for container alpine:3',
        'Using locally found image version due to "if-not-present" pull policy',
        'Using docker image sha256:amd64 for alpine:3 ...',
      ],
    ],
    [
      'a registry that fails is not the end while another policy is left',
      {
        local: ['alpine:3'],
        image: { policies: ['always', 'never'] },
        engine: { pullImage: () => Promise.reject(refused) },
      },
      'sha256:alpine:3',
      [
        'Using effective pull policy of [always never] for container alpine:3',
        'Pulling docker image alpine:3 ...',
        'WARNING: Failed to pull image with policy "always": pull access denied',
        'Attempt #2: Trying "never" pull policy',
        'Using docker image sha256:alpine:3 for alpine:3 ...',
      ],
    ],
    [
      'no registry knows an id',
      { local: [`sha256:${'a'.repeat(64)}`], image: { reference: `sha256:${'a'.repeat(64)}` } },
      `sha256:sha256:${'a'.repeat(64)}`,
      [
        `Using effective pull policy of [always] for container sha256:${'a'.repeat(64)}`,
        `Using docker image sha256:sha256:${'a'.repeat(64)} for sha256:${'a'.repeat(64)} ...`,
      ],
    ],
    [
      'the digest of the registry is the better name',
      {
        engine: {
          pullImage: () =>
            Promise.resolve<ImageInfo>({
              ...{ id: 'sha256:1', repoDigests: ['alpine@sha256:2'], user: '' },
              entrypoint: [],
            }),
        },
      },
      'alpine@sha256:2',
      [
        'Using effective pull policy of [always] for container alpine:3',
        'Pulling docker image alpine:3 ...',
        'Using docker image sha256:1 for alpine:3 with digest alpine@sha256:2 ...',
      ],
    ],
    [
      'a configured helper is named',
      { place: 'helper', image: { reference: 'helper', policies: ['never'] }, local: ['helper'] },
      'sha256:helper',
      [
        'Using helper image:  helper',
        'Using effective pull policy of [never] for container helper',
        'Using docker image sha256:helper for helper ...',
      ],
    ],
    [
      'nothing is said of the official helper that is there',
      {
        place: 'helper',
        image: { reference: undefined },
        local: ['registry.gitlab.com/gitlab-org/gitlab-runner/gitlab-runner-helper:x86_64-v19.4.0'],
      },
      'sha256:registry.gitlab.com/gitlab-org/gitlab-runner/gitlab-runner-helper:x86_64-v19.4.0',
      [],
    ],
  ];
  for (const [why, given, reference, lines] of cases) {
    it(`is ${reference.slice(0, 40)}: ${why}`, async () => {
      const resolved = await resolve(given);
      assert.deepEqual(resolved.error, undefined);
      assert.deepEqual(resolved.lines, lines);
      assert.equal(resolved.reference, reference);
    });
  }

  const FORBIDDEN = { allowedPullPolicies: ['if-not-present'] } as const;
  const HELPER = {
    place: 'helper',
    image: { reference: undefined, policies: undefined },
    docker: FORBIDDEN,
  } as const;
  const OFFICIAL = defaultHelperImage('x86_64');

  it('is the local official helper although its pull policy is forbidden', async () => {
    const { error, reference } = await resolve({ ...HELPER, local: [OFFICIAL] });
    assert.deepEqual([error, reference], [undefined, `sha256:${OFFICIAL}`]);
  });

  it('is refused by name when a helper has to be pulled and its pull policy is forbidden', async () => {
    const { error, pulls } = await resolve(HELPER);
    assert.ok(error instanceof FinalError);
    assert.equal(error.type, 'RunnerConfiguration');
    assert.ok(error.message.startsWith(`invalid pull policy for image "${OFFICIAL}": `));
    assert.deepEqual(pulls, []);
  });

  it('that no policy gives is a final error of the last one that names all tries', async () => {
    const { error } = await resolve({
      image: { policies: ['always', 'never'] },
      engine: { pullImage: () => Promise.reject(new FinalError('ExternalDependency', 'dial tcp')) },
    });
    assert.ok(error instanceof FinalError);
    assert.equal(error.type, 'RunnerConfiguration');
    assert.match(error.message, /"alpine:3" with specified policies \[always never\].*"never"/);
  });

  it('is not tried with another policy when Docker does not answer', async () => {
    const down = new TransientError('cannot reach Docker');
    const { error, lines } = await resolve({
      image: { policies: ['always', 'if-not-present'] },
      engine: { pullImage: () => Promise.reject(down) },
    });
    assert.equal(error, down);
    assert.equal(lines.filter((line) => line.startsWith('WARNING')).length, 0);
  });

  it('is given up without a line when the stage is stopped', async () => {
    const stop = new AbortController();
    const { error, lines } = await resolve({
      signal: stop.signal,
      engine: {
        pullImage: () => {
          stop.abort(new Error('not wanted'));
          return Promise.reject(new Error('aborted'));
        },
      },
    });
    assert.match(String(error), /not wanted/);
    assert.equal(lines.filter((line) => line.startsWith('WARNING')).length, 0);
  });
});

describe('the credentials of a pull', () => {
  const login = (user: string) => Buffer.from(`${user}:password`).toString('base64');
  const configOf = (user: string) =>
    JSON.stringify({ auths: { 'reg.example.com': { auth: login(user) } } });
  const ofVariable = { key: 'DOCKER_AUTH_CONFIG', value: configOf('variable'), file: true };
  const ofFile = {
    registryAuthFiles: () =>
      Promise.resolve([
        {
          name: '~/.docker/config.json',
          problem: undefined,
          entries: [{ server: 'reg.example.com', username: 'file', password: 'password' }],
        },
      ]),
  };
  const credentials = [
    { type: 'registry', url: 'reg.example.com', username: 'job', password: 'password' },
  ];
  const cases: [user: string, given: Given, source: string][] = [
    [
      'variable',
      { job: { variables: [ofVariable], credentials }, ports: ofFile },
      '$DOCKER_AUTH_CONFIG',
    ],
    ['file', { job: { credentials }, ports: ofFile }, '~/.docker/config.json'],
    ['job', { job: { credentials } }, 'job payload (GitLab Registry)'],
  ];
  for (const [user, given, source] of cases) {
    it(`are those of ${source} when no better source has any`, async () => {
      const used: PullOptions[] = [];
      const { lines } = await resolve({
        ...given,
        image: { reference: 'reg.example.com/a' },
        engine: {
          pullImage: (reference, options) => {
            used.push(options);
            return Promise.resolve({
              id: reference,
              repoDigests: [],
              user: '',
              entrypoint: [],
            });
          },
        },
      });
      assert.equal(used[0]?.auth?.username, user);
      assert.ok(lines.includes(`Authenticating with credentials from ${source}`));
      assert.doesNotMatch(lines.join('\n'), /password/);
    });
  }

  it('that cannot be read cause a warning, and the pull continues without them', async () => {
    const broken = { key: 'DOCKER_AUTH_CONFIG', value: '{"auths": 1}' };
    const { lines, pulls } = await resolve({ job: { variables: [broken] } });
    assert.ok(
      lines.includes(
        'WARNING: Registry credentials from $DOCKER_AUTH_CONFIG: "auths" is not an object',
      ),
    );
    assert.deepEqual(pulls, ['alpine:3']);
  });
});
