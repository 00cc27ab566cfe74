import type { IncomingMessage } from 'node:http';
import type { EngineParts } from './engine-parts.ts';
import type { DaemonCall } from './daemon.ts';
import { refusalFault } from './faults.ts';
import { reportedLink } from './path-stat.ts';
import { readReply, type DaemonReply } from './read-reply.ts';

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
    const [response, reply] = await ask('HEAD');
    // The header is present even for a dangling link, which some engines answer with 404.
    if (reply.status === 200 || reply.status === 404) {
      // The header of a link may lack its target. The caller then has to find the target itself.
      const target = reportedLink(response) || undefined;
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
