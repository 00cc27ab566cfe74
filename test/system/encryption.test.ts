import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import Docker from 'dockerode';
import type { FakeJob, JobSpec } from '../support/fake-gitlab/types.ts';
import { vaultSecret } from '../support/canary-jobs.ts';
import { assertNoCanary } from '../support/canaries.ts';
import { openInstallation, type Installation } from '../support/installation.ts';
import { makeZip } from '../support/make-zip.ts';
import { whenReady } from '../support/runner-process.ts';
import { s3CacheToml } from '../support/s3-server.ts';
import { assertJob, JOB_IMAGE, NO_GIT } from '../support/scenario.ts';
import {
  readCodecEndpointOf,
  readData,
  runTemporalDecoding,
  SEALED_ENCODING,
} from '../support/temporal/run-temporal.ts';
import { seeInTheClear, type SeenWorkflow } from '../support/temporal/see-in-the-clear.ts';
import { openVault, type TestVault } from '../support/vault.ts';
import { gate } from '../support/gate.ts';

/**
 * The text differs from run to run, because the test searches all processes while other tests run.
 */
const RUN = randomBytes(6).toString('hex');
const canary = (what: string): string => `canary-${RUN}-of-${what}`;

/** Secrets that only the containers of the job and the receivers of the secrets may see. */
const SECRETS = {
  masked: canary('a-masked-variable'),
  file: canary('a-file-variable'),
  vault: canary('a-secret-of-the-vault'),
  registry: canary('a-registry-password'),
  auth: canary('DOCKER_AUTH_CONFIG'),
  dependency: canary('a-dependency-token'),
  s3Secret: canary('the-secret-key-of-the-cache'),
  s3Session: canary('the-session-token-of-the-cache'),
};
const DATA = {
  variable: canary('a-variable'),
  output: canary('the-output'),
  script: canary('the-script'),
};

const SHOW = ['workflow', 'show', '-o', 'json', '-w'];

const MASKED = { key: 'MASKED', value: SECRETS.masked, masked: true } as const;
const FILE = { key: 'FILE', value: SECRETS.file, file: true } as const;
const CREDENTIALS = [
  { type: 'registry', url: '127.0.0.1:9', username: 'robot', password: SECRETS.registry },
];
const basic = Buffer.from(`robot:${SECRETS.auth}`).toString('base64');
const AUTH_CONFIG = {
  key: 'DOCKER_AUTH_CONFIG',
  value: JSON.stringify({ auths: { '127.0.0.1:9': { auth: basic } } }),
  masked: true,
};

describe('secrets', () => {
  let installation: Installation;
  let vault: TestVault;
  let store: Server;
  let idToken: string;
  const jobs: FakeJob[] = [];
  before(async () => {
    vault = await openVault();
    await vault.put('secret', 'ci/canary', { value: SECRETS.vault });
    idToken = vault.idToken();
    store = await openGossip();
    installation = await openInstallation({ dockerToml: cacheToml(store), concurrent: 1 });
    await installation.start();
  });
  after(async () => {
    await installation.close();
    await vault.close();
    store.close();
    store.closeAllConnections();
  });

  const add = (spec: JobSpec): FakeJob => {
    const job = installation.gitlab.addJob(spec);
    jobs.push(job);
    return job;
  };
  const secrets = (): readonly string[] => [
    ...Object.values(SECRETS),
    basic,
    idToken,
    ...jobs.map(({ token }) => token),
    ...installation.tokens,
  ];
  /** Returns a job that uses every feature that can carry a secret. Some of the features fail. */
  const richJob = (script: readonly string[]): JobSpec => ({
    script,
    variables: [
      { key: 'GIT_STRATEGY', value: 'empty' },
      { key: 'ID_TOKEN', value: idToken, masked: true },
      ...[MASKED, FILE, AUTH_CONFIG],
    ],
    dependencies: [
      {
        name: 'earlier',
        archive: makeZip([{ name: 'earlier', content: 'x' }]),
        token: SECRETS.dependency,
      },
    ],
    payload: {
      credentials: CREDENTIALS,
      services: [
        {
          ...{ name: JOB_IMAGE, alias: 'db', command: ['sleep', '600'] },
          variables: [{ key: 'DB_PASSWORD', value: '$MASKED' }],
        },
      ],
      secrets: { VAULTED: vaultSecret(vault.url) },
      cache: [{ key: 'of $MASKED', paths: ['kept'], when: 'always', policy: 'pull-push' }],
      artifacts: [
        {
          ...{ name: 'of-$MASKED', paths: ['kept', 'none-$MASKED'], when: 'always' },
          ...{ artifact_type: 'archive', artifact_format: 'zip' },
        },
      ],
    },
  });

  it('are in no file, label or process argument of the node while the job runs', async () => {
    const { gitlab } = installation;
    const { opened: hold, open: letGo } = gate();
    const held = new Promise<void>((resolve) => {
      gitlab.intercept(({ kind, jobId }) => {
        if (kind !== 'upload' || jobId !== jobs[0]?.id) return undefined;
        resolve();
        return { hold };
      });
    });
    const job = add(richJob(['echo kept > kept', 'echo $MASKED $VAULTED $ID_TOKEN $FILE']));
    await Promise.race([held, job.whenFinished(120_000)]);
    assert.equal(job.state, 'running', job.log);
    try {
      for (const file of await notedFilesBelow(installation.stateDir)) {
        assertNoCanary(await readFile(file), secrets(), file);
      }
      assertNoCanary(await labelsOf(job), secrets(), 'labels and arguments of containers');
      const [, codecToken = ''] = new URL(await readCodecEndpointOf(installation)).pathname.split(
        '/',
      );
      const unsaid = [...secrets(), codecToken];
      assertNoCanary(await argumentsOfAll(), unsaid, 'arguments of processes');
    } finally {
      letGo();
    }
    await job.whenFinished(120_000);
    assertJob(job, { state: 'success', log: ['received: 403', 'Failed to create cache'] });
    assertNoCanary(job.trace, secrets(), 'trace');
    assert.equal(job.artifacts[0]?.filename, `of-${SECRETS.masked}.zip`);
  });

  it('are not in the trace of a job whose script fails', async () => {
    const job = add(richJob(['echo kept > kept', 'false $MASKED']));
    await job.whenFinished(120_000);
    assertJob(job, { state: 'failed', failureReason: 'script_failure', exitCode: 1 });
    assertNoCanary(job.trace, secrets(), 'trace');
  });

  it('are not in the trace of a job whose image cannot be pulled', async () => {
    const image = `127.0.0.1:9/${SECRETS.masked}`;
    const job = add({
      ...{ image, name: `named ${SECRETS.masked}` },
      variables: [NO_GIT, MASKED, FILE, AUTH_CONFIG],
      payload: { image: { name: image, pull_policy: ['always'] } },
    });
    await job.whenFinished(120_000);
    assert.equal(job.state, 'failed', job.log);
    assertNoCanary(job.trace, secrets(), 'trace');
  });

  it('are nowhere in the history, the database, the log or the node’s files after builds', async () => {
    const job = add({
      script: [`echo ${DATA.output} # ${DATA.script}`, 'exit 3'],
      variables: [NO_GIT, { key: 'PLAIN', value: DATA.variable }, MASKED, FILE],
    });
    await job.whenFinished();
    assertJob(job, { state: 'failed', failureReason: 'script_failure', exitCode: 3 });
    await installation.whenClean();
    const canaries = [...Object.values(DATA), ...secrets()];

    const ready = await whenReady(installation.runner);
    const connection = await Connection.connect({ address: ready.temporal });
    const { namespace } = ready;
    const client = new Client({ connection, namespace });
    // `client.workflow.list` would decode payloads, which needs the codec of the workers.
    const { executions } = await connection.workflowService.listWorkflowExecutions({ namespace });
    for (const { execution } of executions) {
      const workflowId = execution?.workflowId ?? '';
      const handle = client.workflow.getHandle(workflowId, execution?.runId ?? undefined);
      const history = await handle.fetchHistory();
      const printed = await runTemporalDecoding(installation, [...SHOW, workflowId]);
      assert.ok(!printed.includes(SEALED_ENCODING), `${workflowId} is decoded`);
      const decoded = Buffer.from(readData(printed) + printed);
      assertNoCanary(decoded, canaries, `what people may decode of ${workflowId}`);
      const bytes = Buffer.from(proto.temporal.api.history.v1.History.encode(history).finish());
      assertNoCanary(bytes, canaries, `history of ${workflowId}`);
    }
    const seen = await seeInTheClear(client, installation.tokens.length);
    assertNoCanary(Buffer.from(JSON.stringify(seen)), canaries, 'what the UI shows');
    assertShown(seen, job.id);
    await connection.close();
    assert.ok(executions.length >= 2 + jobs.length, 'feedRunners, serveRunner and all builds');

    for (const line of installation.runner.lines) assertNoCanary(Buffer.from(line), canaries, line);
    await installation.runner.end('SIGTERM');
    for (const file of await filesBelow(installation.stateDir)) {
      assertNoCanary(await readFile(file), canaries, file);
    }
  });
});

function assertShown(seen: readonly SeenWorkflow[], jobId: number): void {
  const build = seen.find(({ workflowId }) => workflowId.endsWith(`/${jobId}`));
  assert.ok(build);
  assert.equal(build.failure, 'script_failure: script_failure, exit code 3 in step_script');
  assert.match(build.summary, new RegExp(` #${jobId} · `));
  assert.match(build.details, new RegExp(`^"\\[job #${jobId} in GitLab\\]\\(http`));
  assert.match(
    build.metadata.currentDetails ?? '',
    /\| step_script\s*\| script_failed\s*\|.*\| 3\s*\| 1\s*\|/,
  );
}

/** Opens a cache store that refuses each request with an answer that quotes the whole request. */
async function openGossip(): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume();
    const quoted = Object.values(request.headers).join(' ');
    const url = (request.url ?? '').replaceAll('&', '&amp;');
    response.writeHead(403, { 'X-Asked': request.url ?? '' });
    response.end(`<Error><Code>Gossip</Code><Asked>${url} ${quoted}</Asked></Error>`);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function cacheToml(server: Server): string {
  return s3CacheToml({
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ accessKey: 'access', secretKey: SECRETS.s3Secret, sessionToken: SECRETS.s3Session },
    ...{ bucket: 'caches', hasTls: false },
  });
}

async function labelsOf({ id }: FakeJob): Promise<Buffer> {
  const docker = new Docker();
  const containers = await docker.listContainers({ all: true });
  const ours = containers.filter(({ Labels }) => JSON.stringify(Labels).includes(String(id)));
  assert.ok(ours.length >= 2, 'the containers of job and service are there');
  const seen = await Promise.all(
    ours.map(async ({ Id }) => {
      const { Config, Args, Name } = await docker.getContainer(Id).inspect();
      return [Config.Labels, Config.Cmd, Args, Name];
    }),
  );
  return Buffer.from(JSON.stringify(seen));
}

async function argumentsOfAll(): Promise<Buffer> {
  const processes = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const ended = Buffer.alloc(0);
  const read = (id: string): Promise<Buffer> => readFile(`/proc/${id}/cmdline`).catch(() => ended);
  return Buffer.concat(await Promise.all(processes.map(read)));
}

async function filesBelow(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/**
 * Returns all files except archives and files that a container has mounted, which may contain the
 * secrets.
 */
async function notedFilesBelow(directory: string): Promise<readonly string[]> {
  const files = await filesBelow(directory);
  return files.filter(
    (file) => !['script', 'output'].includes(basename(file)) && !file.includes('/scratch/'),
  );
}
