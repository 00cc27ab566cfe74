import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CLIENT_ID, openFakeOidc } from '../support/fake-oidc.ts';
import { feederId } from '../support/faults/people-faults.ts';
import type { FakeJob } from '../support/fake-gitlab/types.ts';
import { openInstallation, type Installation } from '../support/installation.ts';
import { NO_GIT } from '../support/scenario.ts';
import {
  readCodecEndpointOf,
  readData,
  runTemporal,
  runTemporalDecoding,
  SEALED_ENCODING,
} from '../support/temporal/run-temporal.ts';

const CANARY = 'canary-of-a-masked-variable';

describe('payloads of the embedded Temporal', () => {
  let installation: Installation;
  let job: FakeJob;
  let buildId: string;
  before(async () => {
    installation = await openInstallation();
    await installation.start();
    job = installation.gitlab.addJob({
      ...{ name: `rspec ${CANARY}`, script: ['exit 3'] },
      variables: [NO_GIT, { key: 'MASKED', value: CANARY, masked: true }],
    });
    await job.whenFinished();
    await installation.whenClean();
    const list = JSON.parse(
      await runTemporal(installation, ['workflow', 'list', '-o', 'json']),
    ) as {
      readonly execution: { readonly workflowId: string };
    }[];
    buildId = list.map((one) => one.execution.workflowId).find((id) => id.endsWith(`/${job.id}`))!;
  });
  after(() => installation?.close());

  const show = ['workflow', 'show', '-o', 'json', '-w'];

  it('are read by `temporal workflow show` with the address that the node keeps', async () => {
    const sealed = await runTemporal(installation, [...show, buildId]);
    assert.ok(sealed.includes(SEALED_ENCODING));
    assert.doesNotMatch(readData(sealed), /projectPath/);
    const printed = await runTemporalDecoding(installation, [...show, buildId]);
    assert.ok(!printed.includes(SEALED_ENCODING), 'all of it is decoded');
    const decoded = readData(printed);
    assert.match(decoded, /"projectPath":"group\/project"/);
    assert.match(decoded, /"sealedJob":"\[HIDDEN\]"/);
    assert.match(decoded, /"jobName":"rspec \[MASKED\]"/);
    assert.doesNotMatch(decoded, new RegExp(`${CANARY}|${job.token}`));
  });

  it('take the input of a command from the command line, as the UI sends it', async () => {
    const fleet = await feederId(installation);
    const pause = ['workflow', 'update', 'execute', '-w', fleet, '--name', 'pause'];
    const answer = await runTemporalDecoding(installation, [...pause, '-i', '"system-test-0"']);
    assert.match(answer, /paused until `resume`/);
  });

  it('are decoded at the same address after a restart, however the process ended', async () => {
    const endpoint = await readCodecEndpointOf(installation);
    assert.equal((await stat(join(installation.stateDir, 'codec-endpoint'))).mode & 0o777, 0o600);
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      await installation.runner.end(signal);
      await installation.start();
      assert.equal(await readCodecEndpointOf(installation), endpoint);
      const printed = await runTemporalDecoding(installation, [...show, buildId]);
      assert.match(readData(printed), /"projectPath":"group\/project"/);
    }
  });

  it('are refused without the token, which is in no process argument and no line of the log', async () => {
    const endpoint = new URL(await readCodecEndpointOf(installation));
    const token = endpoint.pathname.slice(1);
    const headers = { 'Content-Type': 'application/json' };
    const body = JSON.stringify({ payloads: [] });
    const ask = (url: string) => fetch(url, { method: 'POST', headers, body });
    assert.equal((await ask(`${endpoint.origin}/decode`)).status, 401);
    assert.equal((await ask(`${endpoint.href}/decode`)).status, 200);
    assert.equal(installation.runner.lines.join('\n').includes(token), false);
    for (const id of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const args = await readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '');
      assert.equal(args.includes(token), false, args);
    }
  });
});

describe('a codec server with an address in the environment', () => {
  let directory: string;
  let installation: Installation;
  let provider: Awaited<ReturnType<typeof openFakeOidc>>;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'codec-token-'));
    await writeFile(join(directory, 'token'), 'a-token-of-22-characters\n', { mode: 0o600 });
    provider = await openFakeOidc();
    installation = await openInstallation({
      env: {
        TEMPORAL_GITLAB_RUNNER_CODEC_ADDRESS: '127.0.0.1:0',
        TEMPORAL_GITLAB_RUNNER_CODEC_TOKEN_FILE: join(directory, 'token'),
        TEMPORAL_GITLAB_RUNNER_CODEC_ORIGINS: 'https://temporal.example.com',
        TEMPORAL_GITLAB_RUNNER_CODEC_OIDC_ISSUER: provider.issuer,
        TEMPORAL_GITLAB_RUNNER_CODEC_OIDC_AUDIENCE: CLIENT_ID,
      },
    });
    await installation.start();
  });
  after(async () => {
    await installation?.close();
    await provider?.close();
    await rm(directory, { recursive: true });
  });

  async function showFleetAs(bearer: string): Promise<string> {
    const line = await installation.runner.whenLog(/"msg":"codec server listening"/);
    const { port } = JSON.parse(line) as { readonly port: number };
    // The test uses the known id, because lists of workflows show changes a moment later.
    const fleet = await feederId(installation);
    return runTemporal(installation, ['workflow', 'show', '-o', 'json', '-w', fleet], {
      TEMPORAL_CODEC_ENDPOINT: `http://127.0.0.1:${port}`,
      TEMPORAL_CODEC_AUTH: `Bearer ${bearer}`,
    });
  }

  it('decodes for every request with the token, and writes no address file', async () => {
    assert.match(readData(await showFleetAs('a-token-of-22-characters')), /"checkIntervalMs"/);
    await installation.runner.whenLog(/"by":"token".*"msg":"payloads decoded"/);
    await assert.rejects(readCodecEndpointOf(installation), { code: 'ENOENT' });
  });

  it('decodes for whoever is logged in, and for nobody of another application', async () => {
    assert.match(readData(await showFleetAs(await provider.sign())), /"checkIntervalMs"/);
    await installation.runner.whenLog(/"by":"alice".*"msg":"payloads decoded"/);
    const line = await installation.runner.whenLog(/"msg":"codec server listening"/);
    const { port } = JSON.parse(line) as { readonly port: number };
    // The test uses fetch, because Temporal's command line repeats a refused request again and
    // again.
    const { status } = await fetch(`http://127.0.0.1:${port}/decode`, {
      method: 'POST',
      headers: {
        ...{ 'Content-Type': 'application/json' },
        Authorization: `Bearer ${await provider.sign({ audience: 'another' })}`,
      },
      body: JSON.stringify({ payloads: [] }),
    });
    assert.equal(status, 401);
  });
});
