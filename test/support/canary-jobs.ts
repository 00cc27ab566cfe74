import { randomBytes } from 'node:crypto';
import type { JobSpec } from './fake-gitlab/types.ts';
import { makeZip } from './make-zip.ts';
import { JOB_IMAGE } from './scenario.ts';

/**
 * The ways in which a job may end. Each job has a canary in every place where a secret can enter.
 */
export const ENDINGS = [
  ...['success', 'script_failure', 'system_failure', 'canceled', 'timed_out'],
  ...['recovered', 'lost'],
] as const;
export type Ending = (typeof ENDINGS)[number];

const RUN = randomBytes(6).toString('hex');
const canary = (place: string, ending: string): string => `canary-${RUN}-${place}-${ending}`;

/** The canaries of the runner and of its servers. They are the same for all jobs. */
export const OF_RUNNER = {
  environment: canary('environment-of-config', 'all'),
  preBuildScript: canary('pre-build-script', 'all'),
  vault: canary('vault', 'all'),
  s3Secret: canary('s3-secret', 'all'),
  s3Session: canary('s3-session', 'all'),
  signedUrl: canary('signed-url', 'all'),
};

const PLACES = [
  ...['masked', 'file', 'variable', 'id-token', 'docker-auth', 'registry-password', 'git-url'],
  ...['commit-message', 'script', 'after-script', 'output', 'dependency', 'service-variable'],
  ...['service-command', 'artifact-path', 'cache-key', 'environment-name'],
] as const;

type Canaries = Readonly<Record<(typeof PLACES)[number], string>>;

export function canariesOf(ending: Ending): Canaries {
  const entries = PLACES.map((place) => [place, canary(place, ending)] as const);
  return Object.fromEntries(entries) as Canaries;
}

export const basicOf = (password: string): string =>
  Buffer.from(`robot:${password}`).toString('base64');

export interface JobScene {
  readonly vaultUrl: string;
  readonly idToken: string;
}

/** Returns a job that uses every feature with a secret or another private text. */
export function jobOf(ending: Ending, script: readonly string[], scene: JobScene): JobSpec {
  const c = canariesOf(ending);
  const message = `${c['commit-message']} of alice`;
  const auths = { '127.0.0.1:9': { auth: basicOf(c['docker-auth']) } };
  return {
    name: `job that ends as ${ending}`,
    script: [
      `echo ${c.output} # ${c.script}`,
      'echo "$MASKED $VAULTED $ID_TOKEN $FROM_CONFIG $(cat "$FILE")" "$VARIABLE"',
      ...script,
    ],
    afterScript: [`: ${c['after-script']}`],
    variables: [
      { key: 'GIT_STRATEGY', value: 'empty' },
      { key: 'ID_TOKEN', value: scene.idToken, masked: true },
      { key: 'OTHER_TOKEN', value: c['id-token'], masked: true, raw: true },
      { key: 'MASKED', value: c.masked, masked: true },
      { key: 'FILE', value: c.file, file: true },
      { key: 'VARIABLE', value: c.variable },
      { key: 'DOCKER_AUTH_CONFIG', value: JSON.stringify({ auths }), masked: true },
      { key: 'CI_COMMIT_MESSAGE', value: message },
      { key: 'CI_COMMIT_TITLE', value: message },
      { key: 'CI_COMMIT_DESCRIPTION', value: message },
      { key: 'CI_ENVIRONMENT_NAME', value: c['environment-name'] },
    ],
    dependencies: [
      {
        name: 'earlier',
        archive: makeZip([{ name: 'earlier', content: 'x' }]),
        token: c.dependency,
      },
    ],
    payload: {
      git_info: { repo_url: `http://robot:${c['git-url']}@127.0.0.1:9/group/project.git` },
      credentials: [
        {
          ...{ type: 'registry', url: '127.0.0.1:9' },
          ...{ username: 'robot', password: c['registry-password'] },
        },
      ],
      services: [
        {
          ...{ name: JOB_IMAGE, alias: 'db' },
          command: ['sh', '-c', `sleep 600 # ${c['service-command']}`],
          variables: [{ key: 'DB_PASSWORD', value: c['service-variable'] }],
        },
      ],
      secrets: { VAULTED: vaultSecret(scene.vaultUrl) },
      cache: [{ key: c['cache-key'], paths: ['kept'], when: 'always', policy: 'pull-push' }],
      artifacts: [
        {
          ...{ name: 'of-$MASKED', paths: [c['artifact-path']], when: 'always' },
          ...{ artifact_type: 'archive', artifact_format: 'zip' },
        },
      ],
    },
  };
}

/** A secret of the vault of the tests, as a job asks for it. */
export function vaultSecret(url: string) {
  const auth = { name: 'jwt', path: 'jwt', data: { jwt: '$ID_TOKEN', role: 'builder' } };
  return {
    vault: {
      server: { url, namespace: '', auth },
      ...{ engine: { name: 'kv-v2', path: 'secret' }, path: 'ci/canary', field: 'value' },
    },
    file: false,
  };
}
