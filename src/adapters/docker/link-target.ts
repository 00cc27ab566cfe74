import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import type { EngineParts } from './engine-parts.ts';
import type { DaemonCall } from './daemon.ts';
import { refusalFault } from './faults.ts';
import { readReply, type DaemonReply } from './read-reply.ts';

const statSchema = z.object({ mode: z.number(), linkTarget: z.string() });

/** Go's `fs.ModeSymlink`, as the Engine API writes modes. */
const MODE_SYMLINK = 2 ** 27;

/** The header of Docker's archive call for a link, with its final target. */
export async function readLinkTarget(
  { daemon, timing }: EngineParts,
  call: DaemonCall,
): Promise<string | undefined> {
  const signal = AbortSignal.timeout(timing.slowCallLimitMs);
  const ask = async (method: 'HEAD' | 'GET'): Promise<[IncomingMessage, DaemonReply]> => {
    const response = await daemon.open({ ...call, method }, signal);
    return [response, await readReply(response)];
  };
  try {
    const [{ headers }, reply] = await ask('HEAD');
    // The header is present even for a dangling link, which some engines answer with 404.
    if (reply.status === 200 || reply.status === 404) {
      return targetOf(headers['x-docker-container-path-stat']);
    }
    // Only the answer to a GET has a message.
    const [, words] = await ask('GET');
    if (isCircle(words)) return '';
    throw refusalFault(words, daemon.action(call));
  } catch (error) {
    throw daemon.fault(error, call);
  }
}

/** Docker answers 500 for a circle of links, which is permanent. */
export function isCircle({ status, message }: DaemonReply): boolean {
  return status >= 500 && /too many (?:links|levels of symbolic links)/.test(message);
}

function targetOf(header: string | readonly string[] | undefined): string | undefined {
  if (typeof header !== 'string') return undefined;
  const stat = statSchema.safeParse(parseJson(Buffer.from(header, 'base64').toString()));
  const isLink = stat.success && Math.floor(stat.data.mode / MODE_SYMLINK) % 2 === 1;
  return isLink && stat.data.linkTarget !== '' ? stat.data.linkTarget : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
