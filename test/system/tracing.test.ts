import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { FakeJob } from '../support/fake-gitlab/types.ts';
import { openInstallation, type Installation } from '../support/installation.ts';
import { NO_GIT } from '../support/scenario.ts';
import { takeBody } from '../support/take-body.ts';
import { readData, runTemporalDecoding } from '../support/temporal/run-temporal.ts';

const RUN = randomBytes(6).toString('hex');
const CANARIES = ['variable', 'masked', 'output', 'script'].map((what) => `canary-${RUN}-${what}`);
const [VARIABLE = '', MASKED = '', OUTPUT = '', SCRIPT = ''] = CANARIES;

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { key: string; value: Record<string, unknown> }[];
}

interface Export {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: Span['attributes'] };
    readonly scopeSpans: readonly { readonly spans: readonly Span[] }[];
  }[];
}

interface Receiver {
  readonly url: string;
  readonly received: readonly Export[];
  spans(): readonly Span[];
  close(): void;
}

/** Opens a server that records the JSON of OTLP/HTTP. */
async function openReceiver(): Promise<Receiver> {
  const received: Export[] = [];
  const server: Server = createServer((request, response) => {
    takeBody(request, (body) => {
      if (request.url === '/v1/traces') received.push(JSON.parse(body.toString()) as Export);
      response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    received,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: () =>
      received.flatMap(({ resourceSpans }) =>
        resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
      ),
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function attributesOf({ attributes }: Pick<Span, 'attributes'>): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

describe('traces by OpenTelemetry', () => {
  let receiver: Receiver;
  let installation: Installation;
  let job: FakeJob;
  before(async () => {
    receiver = await openReceiver();
    installation = await openInstallation({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url } });
    await installation.start();
    job = installation.gitlab.addJob({
      ...{ name: `rspec ${MASKED}`, script: [`echo ${OUTPUT} # ${SCRIPT}`, 'exit 3'] },
      variables: [
        ...[NO_GIT, { key: 'PLAIN', value: VARIABLE }],
        { key: 'MASKED', value: MASKED, masked: true },
      ],
    });
    await job.whenFinished();
    await installation.whenClean();
    // A worker sends the remaining spans when it ends.
    await installation.runner.end('SIGTERM');
  });
  after(async () => {
    await installation?.close();
    receiver?.close();
  });

  it('cover each build from job request to final update, with a span for each stage', () => {
    const spans = receiver.spans();
    const whole = spans.find(({ name }) => name === 'build');
    assert.ok(whole, spans.map(({ name }) => name).join(', '));
    assert.equal(whole.parentSpanId ?? '', '');
    const parts = spans.filter(({ parentSpanId }) => parentSpanId === whole.spanId);
    assert.deepEqual([...new Set(spans.map(({ traceId }) => traceId))], [whole.traceId]);
    const names = parts.map(({ name }) => name);
    for (const name of ['requestJob', 'beginBuild', 'reportResult']) {
      assert.ok(names.includes(name), `${name} is missing in ${names.join(', ')}`);
    }
    const script = parts.find(({ name }) => name === 'stage step_script');
    assert.ok(script, names.join(', '));
    const { 'temporal_gitlab_runner.outcome': outcome, ...rest } = attributesOf(script);
    assert.equal(outcome, 'script_failed');
    assert.equal(Number(rest['temporal_gitlab_runner.exit_code']), 3);
    assert.ok(BigInt(whole.startTimeUnixNano) <= BigInt(script.startTimeUnixNano));
    assert.ok(BigInt(script.endTimeUnixNano) <= BigInt(whole.endTimeUnixNano));
    const said = attributesOf(whole);
    assert.equal(said['temporal_gitlab_runner.failure_reason'], 'script_failure');
    assert.equal(Number(said['gitlab.job.id']), job.id);
    assert.equal(said['gitlab.job.name'], 'rspec [MASKED]');
    const [resource] = receiver.received.flatMap(({ resourceSpans }) => resourceSpans);
    const service = attributesOf(resource!.resource);
    assert.equal(service['service.name'], 'temporal-gitlab-runner');
    assert.match(String(service['service.instance.id']), /^(?!gitlab-runner-node-)./);
    assert.equal(rest['temporal_gitlab_runner.node'], service['service.instance.id']);
  });

  it('contain no variable, token, script or output', () => {
    const text = JSON.stringify(receiver.received);
    const secrets = [...CANARIES, job.token, ...installation.tokens];
    for (const secret of secrets) assert.ok(!text.includes(secret), secret);
  });

  it('do not change the histories in Temporal', async () => {
    await installation.start();
    const list = await runTemporalDecoding(installation, ['workflow', 'list', '-o', 'json']);
    const buildId = new RegExp(`build/[^"]+/${job.id}`).exec(list)?.[0] ?? '';
    const show = ['workflow', 'show', '-o', 'json', '-w', buildId];
    const history = await runTemporalDecoding(installation, show);
    const text = history + readData(history);
    assert.match(text, /runStage/);
    assert.doesNotMatch(text, /traceparent|_tracer-data/);
    assert.doesNotMatch(text, new RegExp(receiver.spans()[0]!.traceId));
    assert.equal(/"header": *\{ *"fields"/.test(text), false);
  });
});

describe('without the variables of OpenTelemetry', () => {
  it('loads none of its packages', async () => {
    const receiver = await openReceiver();
    const installation = await openInstallation({
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_SDK_DISABLED: 'true' },
    });
    try {
      await installation.start();
      const job = installation.gitlab.addJob({ script: ['true'], variables: [NO_GIT] });
      await job.whenFinished();
      await installation.whenClean();
      await installation.runner.end('SIGTERM');
      assert.deepEqual(receiver.received, []);
      assert.doesNotMatch(installation.runner.lines.join('\n'), /OpenTelemetry/);
    } finally {
      await installation.close();
      receiver.close();
    }
  });
});
