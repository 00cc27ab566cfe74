import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Fault } from './faults.ts';
import type { S3Server } from '../s3-server.ts';

// These faults of a cache server last for the whole job.

export interface CacheTrouble {
  /** The name of the fault in the suite's table. */
  readonly name: string;
  /** Answers a request. */
  meet(incoming: IncomingMessage, outgoing: ServerResponse): void;
}

export function troubleCache(server: () => S3Server, { name, meet }: CacheTrouble): Fault {
  let met = 0;
  return {
    name: `cache server ${name}`,
    strike: () => {
      server().interfere = (incoming, outgoing) => {
        met += 1;
        meet(incoming, outgoing);
        return true;
      };
    },
    confirm: () => {
      server().interfere = () => false;
      assert.notEqual(met, 0, 'the cache server was never asked');
    },
  };
}

export function refuses(status: number): CacheTrouble {
  return {
    name: `answers ${status}`,
    meet: (incoming, outgoing) => {
      incoming.resume();
      outgoing.writeHead(status).end();
    },
  };
}

const TICK_MS = 100;
const TICK_BYTES = 100;

/** The server accepts and sends one kilobyte per second, for hours. */
export const TRICKLES: CacheTrouble = {
  name: 'takes and gives 1 KB a second',
  meet: (incoming, outgoing) => {
    outgoing.on('error', () => undefined);
    if (incoming.method === 'PUT') {
      sip(incoming, outgoing);
      return;
    }
    outgoing.writeHead(200, { 'content-length': '100000000' });
    const timer = setInterval(() => outgoing.write(Buffer.alloc(TICK_BYTES)), TICK_MS);
    outgoing.once('close', () => clearInterval(timer));
  },
};

function sip(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const timer = setInterval(() => void incoming.read(TICK_BYTES), TICK_MS);
  const stop = (): void => clearInterval(timer);
  incoming.on('error', stop).once('close', stop);
  incoming.once('end', () => outgoing.writeHead(200).end());
}

/** Returns a fault: the server answers every request with these bytes, and accepts all uploads. */
export function gives(bytes: Uint8Array, name: string): CacheTrouble {
  return {
    name,
    meet: (incoming, outgoing) => {
      incoming.resume();
      incoming.once('end', () => {
        if (incoming.method === 'PUT') outgoing.writeHead(200).end();
        else outgoing.writeHead(200, { 'content-length': bytes.length }).end(bytes);
      });
    },
  };
}
