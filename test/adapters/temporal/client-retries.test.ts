import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { createClientRetries } from '../../../src/adapters/temporal/client-retries.ts';

/** The address of a server that is gone: each call there is UNAVAILABLE. */
async function openNowhere(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { readonly port: number };
  await new Promise((resolve) => server.close(resolve));
  return `127.0.0.1:${port}`;
}

describe('the retries of a client', () => {
  it('end before its connection is closed, because a later retry would end the process', async () => {
    let retries = 0;
    let isRetrying = (): void => undefined;
    const whenRetrying = new Promise<void>((resolve) => {
      isRetrying = resolve;
    });
    const { interceptor, end } = createClientRetries({
      retryableDecider: () => true,
      delayFunction: () => {
        retries += 1;
        isRetrying();
        return 100;
      },
    });
    const address = await openNowhere();
    const connection = Connection.lazy({ address, interceptors: [interceptor] });
    const call = connection.withDeadline(Date.now() + 60_000, () =>
      connection.workflowService.getSystemInfo({}),
    );
    const failed = assert.rejects(call);
    await whenRetrying;
    await end();
    await connection.close();
    await failed;
    const before = retries;
    await delay(300); // an exception from a timer would fail this test
    assert.equal(retries, before);
  });
});
