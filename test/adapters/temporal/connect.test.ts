import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import proto from '@temporalio/proto';
import {
  connectTemporal,
  findConfigured,
  type Temporal,
  type TemporalOptions,
} from '../../../src/adapters/temporal/connect.ts';
import { loadCipher } from '../../support/cipher.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts';
import { temporalCli } from '../../support/temporal/temporal-cli.ts';

describe('the Temporal that the environment names', () => {
  let home: string;
  const address = 'temporal.example:7233';
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'connect-home-'));
    await mkdir(join(home, '.config', 'temporalio'), { recursive: true });
    const file = join(home, '.config', 'temporalio', 'temporal.toml');
    await writeFile(file, `[profile.default]\naddress = "${address}"\n`);
  });
  afterEach(() => rm(home, { recursive: true }));

  const addressFor = (env: TemporalOptions['env']) =>
    findConfigured({ HOME: home, ...env })?.connectionOptions.address;

  it('is none because of the default file, which other programs of this user have', () => {
    assert.equal(addressFor({}), undefined);
  });

  it('is that of a profile, or of a file, when it is named', () => {
    const file = join(home, '.config', 'temporalio', 'temporal.toml');
    assert.equal(addressFor({ TEMPORAL_PROFILE: 'default' }), address);
    assert.equal(addressFor({ TEMPORAL_CONFIG_FILE: file }), address);
    assert.equal(addressFor({ TEMPORAL_ADDRESS: 'other:7233' }), 'other:7233');
  });
});

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

  /** Calls a function with a node's connections through a proxy to an embedded server. */
  const throughProxy = async (
    work: (temporal: Temporal, proxy: TcpProxy) => Promise<void>,
  ): Promise<void> => {
    const embedded = await connectTemporal(
      await optionsWith({ TEMPORAL_CLI_PATH: temporalCli(), HOME: stateDir }),
    );
    const targetPort = Number(new URL(`http://${embedded.address}`).port);
    const proxy = await startTcpProxy({ targetPort });
    const TEMPORAL_ADDRESS = `127.0.0.1:${proxy.port}`;
    const temporal = await connectTemporal(await optionsWith({ TEMPORAL_ADDRESS }));
    try {
      await work(temporal, proxy);
    } finally {
      await temporal.close();
      await proxy.close();
      await embedded.close();
    }
  };

  it('goes on by new connections when packets of the old ones are lost', () =>
    throughProxy(async (temporal, proxy) => {
      const first = temporal.connection;
      let renewals = 0;
      temporal.renewals.add(() => (renewals += 1));
      proxy.strand();
      await temporal.renew();
      assert.equal(renewals, 1);
      assert.notEqual(temporal.connection, first);
      await temporal.connection.workflowService.getSystemInfo({});
      await startsSealed(temporal);
      // The next renewal closes the connections that this one has replaced.
      await temporal.renew();
      await assert.rejects(first.workflowService.getSystemInfo({}));
    }));

  it('keeps its connections when no new ones can be opened', () =>
    throughProxy(async (temporal, proxy) => {
      const first = temporal.connection;
      proxy.blackHole();
      await assert.rejects(temporal.renew(), { name: 'TimeoutError' });
      proxy.heal();
      assert.equal(temporal.connection, first);
      await startsSealed(temporal);
    }));

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
