import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import Docker from 'dockerode';
import { LOGIN, openRegistry, registryProgram, type Registry } from '../support/docker/registry.ts';
import { describeScenarios, NO_GIT, type Scenario } from '../support/scenario.ts';

const IMAGE = process.env['TGR_TEST_SMALL_IMAGE'] ?? 'temporal-gitlab-runner/busybox:local';
const WRONG = { ...LOGIN, password: 'wr0ng-pass' };

interface Place {
  readonly open: Registry;
  readonly locked: Registry;
  readonly away: Registry;
  /** The digest of the image `app:1` in the registry `open`. */
  readonly digest: string;
  readonly env: Readonly<Record<string, string>>;
}

const MANIFESTS = [
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
];

/**
 * Opens a public registry, a private one and one that can be stopped, and prepares logins of the
 * node.
 */
async function openPlace(): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-images-'));
  const open = await openRegistry();
  const locked = await openRegistry({ isPrivate: true });
  const away = await openRegistry();
  after(async () => {
    await Promise.all([open, locked, away].map((registry) => registry.close()));
    await rm(directory, { recursive: true, force: true });
  });
  for (const repository of ['app:1', 'app', 'other:1', 'broken/app:1'])
    await open.push(IMAGE, repository);
  for (const user of ['job', 'variable', 'file', 'helper', 'store']) {
    await locked.push(IMAGE, `from-${user}/app:1`);
  }
  await away.push(IMAGE, 'late:1');
  await away.stop();
  await new Docker().getImage(IMAGE).tag({ repo: `${open.host}/here`, tag: '1' });
  const head = await fetch(`http://${open.host}/v2/app/manifests/1`, {
    method: 'HEAD',
    // Engines that use containerd's image store push manifests with the media types of OCI.
    headers: { accept: MANIFESTS.join(', ') },
  });
  await writeNodeLogins(directory, { open, locked });
  return {
    ...{ open, locked, away },
    digest: head.headers.get('docker-content-digest') ?? '',
    env: { DOCKER_CONFIG: directory, PATH: `${directory}:${process.env['PATH'] ?? ''}` },
  };
}

async function writeNodeLogins(
  directory: string,
  { open, locked }: Pick<Place, 'open' | 'locked'>,
): Promise<void> {
  const config = {
    auths: { [`${locked.host}/from-file`]: authOf(LOGIN) },
    credHelpers: {
      [`${locked.host}/from-helper`]: 'tgr-good',
      [`${open.host}/broken`]: 'tgr-bad',
    },
  };
  await writeFile(join(directory, 'config.json'), JSON.stringify(config));
  const answer = JSON.stringify({ Username: LOGIN.username, Secret: LOGIN.password });
  for (const [name, script] of [
    ['good', `grep -q from-helper && echo '${answer}'`],
    ['bad', 'echo no session with the cloud; exit 1'],
  ] as const) {
    const path = join(directory, `docker-credential-tgr-${name}`);
    await writeFile(path, `#!/bin/sh\n${script}\n`);
    await chmod(path, 0o755);
  }
}

interface Login {
  readonly username: string;
  readonly password: string;
}

function authOf({ username, password }: Login): object {
  return { auth: Buffer.from(`${username}:${password}`).toString('base64') };
}

interface Pull {
  readonly title: string;
  readonly image: string;
  readonly policy?: readonly string[];
  readonly platform?: string;
  /** The value of the job's DOCKER_AUTH_CONFIG. */
  readonly config?: object;
  /** Credentials that GitLab sends with the job for its own registry. */
  readonly credentials?: readonly object[];
  readonly expected: Scenario['expected'];
  readonly meanwhile?: Scenario['meanwhile'];
}

function pull({ title, image, policy = ['always'], platform, ...rest }: Pull): Scenario {
  const { config, credentials, expected, meanwhile } = rest;
  const login = { key: 'DOCKER_AUTH_CONFIG', value: JSON.stringify(config ?? {}), file: true };
  return {
    title,
    job: {
      script: ['echo "it runs"'],
      variables: [NO_GIT, ...(config === undefined ? [] : [login])],
      payload: {
        image: {
          name: image,
          pull_policy: policy,
          ...(platform !== undefined && { executor_opts: { docker: { platform } } }),
        },
        ...(credentials !== undefined && { credentials }),
      },
    },
    expected: { never: [LOGIN.password, WRONG.password, 'no session with the cloud'], ...expected },
    ...(meanwhile !== undefined && { meanwhile }),
  };
}

const RUNS = /^it runs$/m;
const REFUSED = { state: 'failed', failureReason: 'runner_configuration_error' } as const;

function pullPolicies({ open, digest }: Place): readonly Scenario[] {
  return [
    pull({
      title: 'always: the image is pulled, and the log names its digest',
      image: `${open.host}/app:1`,
      expected: {
        state: 'success',
        log: [
          `Using effective pull policy of [always] for container ${open.host}/app:1`,
          `Pulling docker image ${open.host}/app:1 ...`,
          `for ${open.host}/app:1 with digest ${open.host}/app@${digest} ...`,
          RUNS,
        ],
      },
    }),
    pull({
      title: 'an image without a tag gets the tag latest',
      image: `${open.host}/app`,
      expected: { state: 'success', log: [`Pulling docker image ${open.host}/app ...`, RUNS] },
    }),
    pull({
      title: 'an image may be named by its digest',
      image: `${open.host}/app@${digest}`,
      expected: { state: 'success', log: [`/app@${digest} ...`, RUNS] },
    }),
    pull({
      title: 'if-not-present: a local image is not pulled, even if no registry has it',
      image: `${open.host}/here:1`,
      policy: ['if-not-present'],
      expected: {
        state: 'success',
        log: ['Using locally found image version due to "if-not-present" pull policy', RUNS],
      },
    }),
    pull({
      title: 'never: a local image is used as it is',
      image: `${open.host}/here:1`,
      policy: ['never'],
      expected: { state: 'success', log: [RUNS] },
    }),
    pull({
      title: 'a list of policies: if-not-present finds a local image that always cannot pull',
      image: `${open.host}/here:1`,
      policy: ['always', 'if-not-present'],
      expected: {
        state: 'success',
        log: [
          /WARNING: Failed to pull image with policy "always": .*(manifest unknown|not found)/,
          'Attempt #2: Trying "if-not-present" pull policy',
          RUNS,
        ],
      },
    }),
    pull({
      title: 'a list of policies: always pulls an image that never does not find',
      image: `${open.host}/other:1`,
      policy: ['never', 'always'],
      expected: {
        state: 'success',
        log: ['Failed to pull image with policy "never"', 'Attempt #2: Trying "always"', RUNS],
      },
    }),
    pull({
      title: 'an image that no registry has fails the job as a configuration error',
      image: `${open.host}/nowhere:1`,
      policy: ['always', 'if-not-present'],
      expected: {
        ...REFUSED,
        log: [
          /failed to pull image ".*nowhere:1" with specified policies \[always if-not-present\]/,
        ],
      },
    }),
    pull({
      title: 'a platform that the image is not made for fails the job, and is named',
      image: `${open.host}/app:1`,
      platform: 'linux/s390x',
      expected: {
        state: 'failed',
        failureReason: 'runner_configuration_error',
        log: [
          'for platform linux/s390x ...',
          /does not (?:match|provide) the specified platform.*linux\/s390x/,
        ],
      },
    }),
  ];
}

function logins({ locked, open }: Place): readonly Scenario[] {
  const credentials = [{ type: 'registry', url: locked.host, ...LOGIN }];
  return [
    pull({
      title: 'a private image without a login fails the job as a configuration error',
      image: `${locked.host}/from-job/app:1`,
      expected: { ...REFUSED, log: [/no basic auth credentials|unauthorized/] },
    }),
    pull({
      title: 'a wrong password fails the job as a matter of configuration',
      image: `${locked.host}/from-job/app:1`,
      config: { auths: { [locked.host]: authOf(WRONG) } },
      expected: {
        ...REFUSED,
        log: ['Authenticating with credentials from $DOCKER_AUTH_CONFIG', /unauthorized|denied/i],
      },
    }),
    pull({
      title: 'the login that GitLab sends with a job opens its registry',
      image: `${locked.host}/from-job/app:1`,
      credentials,
      expected: {
        state: 'success',
        log: ['Authenticating with credentials from job payload (GitLab Registry)', RUNS],
      },
    }),
    pull({
      title: 'DOCKER_AUTH_CONFIG of the job opens a registry',
      image: `${locked.host}/from-variable/app:1`,
      config: { auths: { [locked.host]: authOf(LOGIN) } },
      expected: {
        state: 'success',
        log: ['Authenticating with credentials from $DOCKER_AUTH_CONFIG', RUNS],
      },
    }),
    pull({
      title: "config.json of the node's user opens a path of a registry",
      image: `${locked.host}/from-file/app:1`,
      expected: { state: 'success', log: [/credentials from \S+config\.json/, RUNS] },
    }),
    pull({
      title: 'a credential helper of the node opens a path of a registry',
      image: `${locked.host}/from-helper/app:1`,
      expected: { state: 'success', log: [/credentials from \S+config\.json/, RUNS] },
    }),
    pull({
      title: 'a credential helper that a job names is asked too',
      image: `${locked.host}/from-store/app:1`,
      config: { credHelpers: { [`${locked.host}/from-store`]: 'tgr-bad' } },
      credentials,
      expected: {
        state: 'success',
        log: [
          'WARNING: Registry credentials from $DOCKER_AUTH_CONFIG: docker-credential-tgr-bad failed',
          'Authenticating with credentials from job payload',
          RUNS,
        ],
      },
    }),
    pull({
      title: 'a credential helper that a job names by a path fails the job',
      image: `${locked.host}/from-store/app:1`,
      config: { credsStore: '../../bin/sh' },
      expected: { ...REFUSED, log: [/credential helper .* a path is not allowed/] },
    }),
    pull({
      title: 'the better source counts, though its password is wrong',
      image: `${locked.host}/from-file/app:1`,
      config: { auths: { [`${locked.host}/from-file`]: authOf(WRONG) } },
      credentials,
      expected: {
        ...REFUSED,
        log: ['credentials from $DOCKER_AUTH_CONFIG', /unauthorized|denied/i],
      },
    }),
    pull({
      title: 'the longest path counts, even if a better source knows the registry',
      image: `${locked.host}/from-file/app:1`,
      config: { auths: { [locked.host]: authOf(WRONG) } },
      expected: { state: 'success', log: [/credentials from \S+config\.json/, RUNS] },
    }),
    pull({
      title:
        'a credential helper that fails causes a warning, and the image is pulled without a login',
      image: `${open.host}/broken/app:1`,
      expected: {
        state: 'success',
        log: [
          /WARNING: Registry credentials from \S+config\.json: docker-credential-tgr-bad failed/,
          RUNS,
        ],
      },
    }),
  ];
}

/** The last scenario starts the registry again, so no later scenario may need it to be away. */
function outages({ away }: Place): readonly Scenario[] {
  return [
    pull({
      title: 'a registry that is away for all three tries fails the job as a system failure',
      image: `${away.host}/late:1`,
      expected: {
        state: 'failed',
        failureReason: 'runner_external_dependency_failure',
        log: [/ERROR: Job failed.*failed to pull image .*connection refused/],
      },
    }),
  ];
}

function returns({ away }: Place): readonly Scenario[] {
  return [
    pull({
      title: 'a registry that comes back between two tries costs the job nothing but time',
      image: `${away.host}/late:1`,
      meanwhile: async (_job, { runner }) => {
        await runner.whenLog(/pull failed, trying again/);
        await away.start();
      },
      expected: { state: 'success', log: [RUNS] },
    }),
  ];
}

if (registryProgram() === undefined) {
  void test('images of a registry', { skip: 'no docker-registry here: npm test gets it' });
} else {
  const place = await openPlace();
  const { env } = place;
  const dockerToml = '    allowed_pull_policies = ["always", "if-not-present", "never"]';
  describeScenarios('pull policies and logins of registries', { dockerToml, env }, [
    ...pullPolicies(place),
    ...logins(place),
    ...outages(place),
  ]);
  // Only the log at debug level contains each try.
  const talkative = { dockerToml, env: { ...env, LOG_LEVEL: 'debug' } };
  describeScenarios('a registry that comes back', talkative, returns(place));
}
