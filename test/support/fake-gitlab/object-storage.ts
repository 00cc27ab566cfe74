import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { replyWith, type EarlierJob } from './earlier-jobs.ts';

/**
 * GitLab's store of files. It is another host, and a runner must send it nothing but the signed
 * address.
 */
export interface ObjectStorage {
  /** Returns a signed address of the job's file. Whoever has the address gets the file. */
  sign(job: EarlierJob): string;
  close(): Promise<void>;
}

export interface ObjectStorageOptions {
  readonly host: string;
  readonly advertiseHost: string;
  /** This function is called about an unexpected header or an address without a signature. */
  readonly onViolation: (what: string) => void;
}

const PRIVATE_HEADERS = ['job-token', 'private-token', 'runner-token', 'authorization', 'cookie'];

export async function startObjectStorage(options: ObjectStorageOptions): Promise<ObjectStorage> {
  const signed = new Map<string, EarlierJob>();
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const name of PRIVATE_HEADERS) {
      if (request.headers[name] !== undefined) options.onViolation(`storage is sent ${name}`);
    }
    const job = signed.get(request.url ?? '');
    if (job === undefined) {
      options.onViolation('storage is asked for what nobody has signed');
      response.writeHead(403, { 'Content-Type': 'application/xml' });
      response.end('<Error><Code>AccessDenied</Code><Message>Not signed</Message></Error>');
      return;
    }
    const { status, headers, body } = await replyWith(job.spec.archive);
    response.writeHead(status, headers);
    if (body instanceof Readable) await pipeline(body, response);
    else response.end(body);
  }
  server.listen(0, options.host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    sign: (job) => {
      const path = `/artifacts/${job.id}?X-Amz-Signature=${randomBytes(16).toString('hex')}`;
      signed.set(path, job);
      return `http://${options.advertiseHost}:${port}${path}`;
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
