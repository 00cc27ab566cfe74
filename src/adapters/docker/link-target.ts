import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import type { EngineParts } from './engine-parts.ts';
import type { DaemonCall } from './daemon.ts';
import { refusalFault } from './faults.ts';
import { readReply, type DaemonReply } from './read-reply.ts';

const statSchema = z.object({ mode: z.number(), linkTarget: z.string() });

/** Go's `fs.ModeSymlink`, as the Engine API writes modes. */
const MODE_SYMLINK = 2 ** 27;

/** The final target of a link. */
export interface LinkTarget {
  /** undefined when the engine reports no link; empty for a circle of links. */
  readonly target: string | undefined;
  /** True: there may be a link nevertheless, because Podman does not report every link. */
  readonly isUnsure: boolean;
}

/** Reads the target from a header of the archive call. */
export async function readLinkTarget(
  { daemon, timing }: EngineParts,
  call: DaemonCall,
): Promise<LinkTarget> {
  const signal = AbortSignal.timeout(timing.slowCallLimitMs);
  const ask = async (method: 'HEAD' | 'GET'): Promise<[IncomingMessage, DaemonReply]> => {
    const response = await daemon.open({ ...call, method }, signal);
    return [response, await readReply(response)];
  };
  try {
    const [{ headers }, reply] = await ask('HEAD');
    // The header is present even for a dangling link, which some engines answer with 404.
    if (reply.status === 200 || reply.status === 404) {
      const target = targetOf(headers['x-docker-container-path-stat']);
      return { target, isUnsure: target === undefined && reply.isPodman };
    }
    // Only the answer to a GET has a message.
    const [, words] = await ask('GET');
    if (isCircle(words)) return { target: '', isUnsure: false };
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
