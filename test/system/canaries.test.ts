import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { assertNoCanary } from '../support/canaries.ts';
import {
  basicOf,
  canariesOf,
  ENDINGS,
  jobOf,
  OF_RUNNER,
  type Ending,
} from '../support/canary-jobs.ts';
import { runCommand } from '../support/command.ts';
import type { FakeJob, JobSpec } from '../support/fake-gitlab/types.ts';
import { openInstallation, type Installation } from '../support/installation.ts';
import { makeZip } from '../support/make-zip.ts';
import { whenReady, type RunnerProcess } from '../support/runner-process.ts';
import { s3CacheToml } from '../support/s3-server.ts';
import { startSecondNode, type SecondNode } from '../support/second-node.ts';
import {
  readData,
  runTemporalDecoding,
  SEALED_ENCODING,
} from '../support/temporal/run-temporal.ts';
import { seeInTheClear } from '../support/temporal/see-in-the-clear.ts';
import { openVault, type TestVault } from '../support/vault.ts';

const LISTEN = { LISTEN_ADDRESS: '127.0.0.1:0' };
const IMPATIENT = { ...LISTEN, TEMPORAL_GITLAB_RUNNER_NODE_WAIT: '5s' };
const UNTIL_TOLD = ['echo begun', 'until [ -e "/told/$CI_JOB_ID" ]; do sleep 0.2; done'];
const LIMIT_MS = 180_000;

/** Bytes that somebody has read, and the place where they were read. */
type Read = readonly [where: string, bytes: Buffer];

describe('no canary of a job is seen in Temporal, metrics, answers and logs', () => {
  let installation: Installation;
  let vault: TestVault;
  let store: Server;
  let told: string;
  let idToken: string;
  let second: SecondNode | undefined;
  const jobs = new Map<Ending, FakeJob>();
  /** Everything that was read, by the moment at which it was read. */
  const reads = new Map<string, readonly Read[]>();
  const processes: RunnerProcess[] = [];

  before(async () => {
    vault = await openVault();
    await vault.put('secret', 'ci/canary', { value: OF_RUNNER.vault });
    idToken = vault.idToken();
    store = await openStore();
    told = await mkdtemp(join(tmpdir(), 'tgr-told-'));
    installation = await openInstallation({
      concurrent: 3,
      runnerToml: [
        `  environment = ["FROM_CONFIG=${OF_RUNNER.environment}"]`,
        `  pre_build_script = ": ${OF_RUNNER.preBuildScript}"`,
      ].join('\n'),
      dockerToml: `    volumes = ["${told}:/told"]\n${cacheToml(store)}`,
      gitlab: { traceUpdateIntervalSeconds: 1 },
    });
    signDownloads(installation, store);
    processes.push(await installation.start(LISTEN));
    await playAll();
  });
  after(async () => {
    await second?.close();
    await installation?.close();
    await vault?.close();
    store?.close();
    store?.closeAllConnections();
    await rm(told, { recursive: true, force: true });
  });

  const add = (ending: Ending, script: readonly string[], change: JobSpec = {}): FakeJob => {
    const spec = jobOf(ending, script, { vaultUrl: vault.url, idToken });
    const payload = { ...spec.payload, ...change.payload };
    const job = installation.gitlab.addJob({ ...spec, ...change, payload });
    jobs.set(ending, job);
    return job;
  };
  const tell = (job: FakeJob): Promise<void> => writeFile(join(told, `${job.id}`), '');

  async function playAll(): Promise<void> {
    await playEnds();
    await playInterruptions();
    await playLoss();
  }

  async function playEnds(): Promise<void> {
    const masked = canariesOf('system_failure').masked;
    const image = `127.0.0.1:9/${masked}`;
    const scripts = ['echo kept > kept'];
    const ends = [
      add('success', scripts),
      add('script_failure', [...scripts, 'exit 3']),
      add('system_failure', scripts, {
        ...{ image, name: `job named ${masked}`, payload: { image: { name: image } } },
      }),
    ];
    await Promise.all(ends.map((job) => job.whenFinished(LIMIT_MS)));
  }

  async function playInterruptions(): Promise<void> {
    const canceled = add('canceled', UNTIL_TOLD);
    const recovered = add('recovered', UNTIL_TOLD);
    const timedOut = add('timed_out', UNTIL_TOLD, { timeout: 40 });
    await Promise.all(
      [canceled, recovered, timedOut].map((job) => job.whenLog(/^begun$/m, LIMIT_MS)),
    );
    reads.set('while jobs run', await readEverything());
    canceled.cancel();
    await Promise.all([canceled, timedOut].map((job) => job.whenFinished(LIMIT_MS)));
    await installation.runner.end('SIGKILL');
    processes.push(await installation.start(IMPATIENT));
    await tell(recovered);
    await recovered.whenFinished(LIMIT_MS);
    reads.set('after a crash', await readEverything());
  }

  async function playLoss(): Promise<void> {
    const lost = add('lost', UNTIL_TOLD, { changesNodes: true });
    await lost.whenLog(/^begun$/m, LIMIT_MS);
    second = await startSecondNode(installation, IMPATIENT);
    processes.push(second.runner);
    await installation.runner.end('SIGKILL');
    await lost.whenFinished(LIMIT_MS);
    processes.push(await installation.start(IMPATIENT));
    await second.whenBothClean(LIMIT_MS);
    reads.set('after the loss of a node', await readEverything());
  }

  /**
   * Reads everything about the jobs that people and programs can see, except what GitLab and the
   * jobs' own containers show.
   */
  async function readEverything(): Promise<readonly Read[]> {
    return [...(await readTemporal()), ...(await readServers()), ...(await readCommands())];
  }

  async function readTemporal(): Promise<readonly Read[]> {
    const ready = await whenReady(installation.runner);
    const connection = await Connection.connect({ address: ready.temporal });
    const { namespace } = ready;
    try {
      const client = new Client({ connection, namespace });
      const listed = await connection.workflowService.listWorkflowExecutions({ namespace });
      const found: Read[] = [
        [
          'search attributes and memos in lists',
          encoded(SERVICE.ListWorkflowExecutionsResponse, listed),
        ],
        [
          'summaries, details, current details, failures and queries in the clear',
          Buffer.from(JSON.stringify(await seeInTheClear(client, 2))),
        ],
      ];
      for (const { execution } of listed.executions) {
        const workflowId = execution?.workflowId ?? '';
        const described = await connection.workflowService.describeWorkflowExecution({
          ...{ namespace, execution: execution ?? null },
        });
        const history = await client.workflow
          .getHandle(workflowId, execution?.runId ?? undefined)
          .fetchHistory();
        const printed = await runTemporalDecoding(installation, [
          ...['workflow', 'show', '-o', 'json', '-w', workflowId],
        ]);
        assert.ok(!printed.includes(SEALED_ENCODING), `${workflowId} is decoded`);
        found.push(
          [
            'description with pending activities',
            encoded(SERVICE.DescribeWorkflowExecutionResponse, described),
          ],
          ['history', encoded(proto.temporal.api.history.v1.History, history)],
          ['history as people may decode it', Buffer.from(readData(printed) + printed)],
        );
      }
      return found;
    } finally {
      await connection.close();
    }
  }

  async function readServers(): Promise<readonly Read[]> {
    const said = await Promise.all(
      [installation.runner, second?.runner].flatMap((runner) =>
        runner === undefined
          ? []
          : SHOWN_PATHS.map(async (path): Promise<Read> => {
              const line = await runner.whenLog(/"msg":"metrics server listening"/);
              const { port } = JSON.parse(line) as { readonly port: number };
              const answer = await fetch(`http://127.0.0.1:${port}${path}`);
              const bytes = Buffer.from(await answer.arrayBuffer());
              assert.ok(bytes.byteLength > 0 || path === '/debug/jobs/list', path);
              return [path, bytes];
            }),
      ),
    );
    return said;
  }

  async function readCommands(): Promise<readonly Read[]> {
    const found: Read[] = [];
    for (const args of [['status', '--json'], ['status'], ['jobs', '--json'], ['jobs']]) {
      const { stdout, stderr } = await runCommand(installation, args);
      found.push([args.join(' '), Buffer.from(stdout + stderr)]);
    }
    return found;
  }

  const canariesOfAll = (): readonly string[] => [
    ...Object.values(OF_RUNNER),
    ...ENDINGS.flatMap((ending) => Object.values(canariesOf(ending))),
    ...ENDINGS.map((ending) => basicOf(canariesOf(ending)['docker-auth'])),
    idToken,
    ...[...jobs.values()].map(({ token }) => token),
    ...installation.tokens,
  ];

  const expected: Readonly<Record<Ending, readonly [state: string, reason: string | undefined]>> = {
    success: ['success', undefined],
    script_failure: ['failed', 'script_failure'],
    system_failure: ['failed', 'runner_external_dependency_failure'],
    canceled: ['canceled', undefined],
    timed_out: ['failed', 'job_execution_timeout'],
    recovered: ['success', undefined],
    lost: ['failed', 'runner_system_failure'],
  };
  for (const ending of ENDINGS) {
    it(`and the job that carries them ends as ${ending}`, () => {
      const job = jobs.get(ending);
      assert.deepEqual([job?.state, job?.failureReason], expected[ending], job?.log);
    });
  }

  it('and they were there: what a script may print is in the log that GitLab has', () => {
    for (const ending of ENDINGS.filter((one) => one !== 'system_failure')) {
      const { log = '' } = jobs.get(ending) ?? {};
      const { output, file, variable, masked } = canariesOf(ending);
      for (const shown of [output, file, variable, OF_RUNNER.environment]) {
        assert.ok(log.includes(shown), `${ending}: ${shown}`);
      }
      assert.ok(log.includes('[MASKED]') && !log.includes(masked), ending);
    }
  });

  for (const moment of ['while jobs run', 'after a crash', 'after the loss of a node']) {
    it(`${moment}: in Temporal, in metrics and job lists, in commands`, () => {
      const found = reads.get(moment) ?? [];
      const places = new Set(found.map(([where]) => where));
      assert.ok(places.size >= 5 + SHOWN_PATHS.length + 4, [...places].join(', '));
      for (const [where, bytes] of found) assertNoCanary(bytes, canariesOfAll(), where);
    });
  }

  it('and every ending was there to be read', () => {
    const [, shown] =
      reads.get('after the loss of a node')?.find(([where]) => /clear/.test(where)) ?? [];
    for (const [ending, { id }] of jobs) assert.ok(shown?.includes(`/${id}"`), ending);
    const running = reads.get('while jobs run')?.find(([where]) => where === '/debug/jobs/list');
    for (const ending of ['canceled', 'recovered', 'timed_out'] as const) {
      assert.ok(running?.[1].includes(`/jobs/${jobs.get(ending)?.id} `), ending);
    }
  });

  it('in no line of any process', () => {
    for (const { lines } of processes) {
      assert.ok(lines.some((line) => line.includes('"msg":"ready"')));
      assertNoCanary(Buffer.from(lines.join('\n')), canariesOfAll(), 'the log of a node');
    }
  });
});

const SERVICE = proto.temporal.api.workflowservice.v1;
const SHOWN_PATHS = ['/metrics', '/debug/jobs/list', '/debug/process/state', '/healthz', '/readyz'];

function encoded<T>(type: { encode(message: T): { finish(): Uint8Array } }, message: T): Buffer {
  return Buffer.from(type.encode(message).finish());
}

/**
 * Opens a server that gives a file for a signed address. It refuses all other requests with an
 * answer that quotes the whole request.
 */
async function openStore(): Promise<Server> {
  const archive = makeZip([{ name: 'earlier', content: 'x' }]);
  const server = createServer((request, response) => {
    request.resume();
    const url = request.url ?? '';
    if (url.includes(OF_RUNNER.signedUrl)) return response.end(archive);
    const quoted = Object.values(request.headers).join(' ');
    response.writeHead(403, { 'X-Asked': url });
    return response.end(`<Error><Code>Gossip</Code><Asked>${quoted}</Asked></Error>`);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

/** Makes GitLab redirect to a signed address for each artifact of an earlier job. */
function signDownloads({ gitlab }: Installation, store: Server): void {
  const Location = `http://127.0.0.1:${portOf(store)}/a?X-Amz-Signature=${OF_RUNNER.signedUrl}`;
  gitlab.intercept(({ kind }) =>
    kind === 'download' ? { status: 302, headers: { Location } } : undefined,
  );
}

function cacheToml(server: Server): string {
  return s3CacheToml({
    ...{ address: `127.0.0.1:${portOf(server)}`, bucket: 'caches', hasTls: false },
    ...{ accessKey: 'access', secretKey: OF_RUNNER.s3Secret, sessionToken: OF_RUNNER.s3Session },
  });
}
