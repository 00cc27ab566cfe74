import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import proto from '@temporalio/proto';
import {
  connectTemporal,
  type Temporal,
  type TemporalOptions,
} from '../../../src/adapters/temporal/connect.ts';
import { loadCipher } from '../../support/cipher.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { temporalCli } from '../../support/temporal/temporal-cli.ts';

describe('connecting to Temporal', () => {
  let stateDir: string;
  beforeEach(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'connect-'));
  });
  afterEach(() => rm(stateDir, { recursive: true }));

  const optionsWith = async (env: TemporalOptions['env']): Promise<TemporalOptions> => ({
    env,
    stateDir,
    cipher: await loadCipher(join(stateDir, 'payload.json')),
    log: recordingLog().log,
  });

  it('uses the embedded server when the environment names none', async () => {
    const temporal = await connectTemporal(
      await optionsWith({ TEMPORAL_CLI_PATH: temporalCli(), HOME: stateDir }),
    );
    try {
      assert.match(temporal.address, /^127\.0\.0\.1:/);
      assert.match(temporal.uiAddress ?? '', /^http:\/\/127\.0\.0\.1:/);
      await startsSealed(temporal);
    } finally {
      await temporal.close();
    }
  });

  it('uses the server that TEMPORAL_ADDRESS names, and never stops it', async () => {
    const embedded = await connectTemporal(
      await optionsWith({ TEMPORAL_CLI_PATH: temporalCli(), HOME: stateDir }),
    );
    try {
      const named = await connectTemporal(
        await optionsWith({ TEMPORAL_ADDRESS: embedded.address, TEMPORAL_NAMESPACE: 'default' }),
      );
      assert.deepEqual(
        [named.address, named.namespace, named.uiAddress],
        [embedded.address, 'default', undefined],
      );
      await named.close();
      await startsSealed(embedded);
    } finally {
      await embedded.close();
    }
  });

  it('fails with the address and advice when no server answers', async () => {
    await assert.rejects(
      connectTemporal(await optionsWith({ TEMPORAL_ADDRESS: '127.0.0.1:9' })),
      /Temporal at 127\.0\.0\.1:9, namespace "default", does not answer: .*Check TEMPORAL_ADDRESS/s,
    );
  });
});

/** Starts a workflow, and checks that the server got only encrypted values. */
async function startsSealed({ client }: Temporal): Promise<void> {
  const handle = await client.workflow.start('none', {
    workflowId: 'sealed',
    taskQueue: 'nobody',
    args: [{ token: 'canary-of-a-token' }],
    memo: { note: 'canary-of-a-memo' },
  });
  const history = proto.temporal.api.history.v1.History.encode(await handle.fetchHistory());
  const bytes = Buffer.from(history.finish());
  assert.ok(bytes.includes('binary/encrypted'));
  assert.equal(bytes.includes('canary'), false);
}
