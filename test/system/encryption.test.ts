import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Client, Connection } from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import proto from '@temporalio/proto';
import { loadCipher } from '../../src/adapters/cipher.ts';
import { createPayloadCodec } from '../../src/adapters/temporal/codec.ts';
import { openInstallation, type Installation } from '../support/installation.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';

const CANARIES = {
  variable: 'canary-of-a-variable',
  masked: 'canary-of-a-masked-variable',
  file: 'canary-of-a-file-variable',
  output: 'canary-of-the-output',
  script: 'canary-of-the-script',
};

describe('secrets', () => {
  let installation: Installation;
  before(async () => {
    installation = await openInstallation();
    await installation.start();
  });
  after(() => installation.close());

  it('are nowhere in the history, the database, the log or the node’s files after a build', async () => {
    const job = installation.gitlab.addJob({
      script: [`echo canary-of-the-output # ${CANARIES.script}`, 'exit 3'],
      variables: [
        NO_GIT,
        { key: 'PLAIN', value: CANARIES.variable },
        { key: 'MASKED', value: CANARIES.masked, masked: true },
        { key: 'FILE', value: CANARIES.file, file: true },
      ],
    });
    await job.whenFinished();
    assertJob(job, { state: 'failed', failureReason: 'script_failure', exitCode: 3 });
    await installation.whenClean();
    const canaries = [...Object.values(CANARIES), job.token, ...installation.tokens];

    const ready = JSON.parse(await installation.runner.whenLog(/"msg":"ready"/)) as ReadyLine;
    const connection = await Connection.connect({ address: ready.temporal });
    const { namespace } = ready;
    const client = new Client({ connection, namespace });
    // Not by `client.workflow.list`: it wants to read what only the workers' codec can.
    const cipher = await loadCipher(join(installation.stateDir, 'keys', 'payload.json'));
    const codec = createPayloadCodec(cipher);
    let sealedJobs = 0;
    const { executions } = await connection.workflowService.listWorkflowExecutions({ namespace });
    for (const { execution } of executions) {
      const workflowId = execution?.workflowId ?? '';
      const handle = client.workflow.getHandle(workflowId, execution?.runId ?? undefined);
      const history = await handle.fetchHistory();
      const bytes = Buffer.from(proto.temporal.api.history.v1.History.encode(history).finish());
      assertNoCanary(bytes, canaries, `history of ${workflowId}`);
      // Also for who has the key, such as a codec server: the job itself is sealed once more.
      for (const payload of await codec.decode(payloadsOf(history))) {
        const plain = Buffer.from(payload.data ?? []);
        assertNoCanary(plain, canaries, `opened payload of ${workflowId}`);
        if (plain.includes('"sealedJob":')) sealedJobs += 1;
      }
    }
    assert.ok(sealedJobs > 0, 'the job was carried along');
    await connection.close();
    assert.ok(executions.length >= 3, 'feedRunners, serveRunner and runBuild were looked at');

    assertNoCanary(Buffer.from(installation.runner.lines.join('\n')), canaries, 'log');
    await installation.runner.end('SIGTERM');
    for (const file of await filesBelow(installation.stateDir)) {
      assertNoCanary(await readFile(file), canaries, file);
    }
  });
});

interface ReadyLine {
  readonly temporal: string;
  readonly namespace: string;
}

function assertNoCanary(bytes: Buffer, canaries: readonly string[], where: string): void {
  for (const canary of canaries) {
    for (const form of formsOf(canary)) {
      assert.equal(bytes.includes(form), false, `${where} holds ${canary} as ${form}`);
    }
  }
}

/** Every payload anywhere in a history. */
function payloadsOf(value: unknown): Payload[] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [];
  if ('data' in value && 'metadata' in value) return [value as Payload];
  return Object.values(value).flatMap(payloadsOf);
}

/** As it is, in hex, and in base64 at each of its three alignments. */
function formsOf(canary: string): readonly string[] {
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.from('x'.repeat(shift) + canary)
      .toString('base64')
      .slice(4, -4),
  );
  return [canary, Buffer.from(canary).toString('hex'), ...base64];
}

async function filesBelow(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
