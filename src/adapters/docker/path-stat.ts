import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { parseJson } from './read-reply.ts';

const statSchema = z.object({ mode: z.number(), linkTarget: z.string().catch('') });

/** Go's `fs.ModeSymlink`, as the Engine API writes modes. */
const MODE_SYMLINK = 2 ** 27;

/**
 * The target of a link, as the header of an archive call tells it: '' where it does not say which.
 * undefined for what is no link, or not told to be one. The header is there also for a dangling link,
 * which some engines answer with 404.
 */
export function reportedLink({ headers }: Pick<IncomingMessage, 'headers'>): string | undefined {
  const header = headers['x-docker-container-path-stat'];
  if (typeof header !== 'string') return undefined;
  const stat = statSchema.safeParse(parseJson(Buffer.from(header, 'base64').toString()));
  const isLink = stat.success && Math.floor(stat.data.mode / MODE_SYMLINK) % 2 === 1;
  return isLink ? stat.data.linkTarget : undefined;
}
