import type { IncomingMessage } from 'node:http';
import { posix } from 'node:path';
import { z } from 'zod';
import type { PathStat } from '../../ports/index.ts';
import { parseJson } from './read-reply.ts';

const statSchema = z.object({
  mode: z.number(),
  linkTarget: z.string().catch(''),
  name: z.string().catch(''),
  size: z.number().catch(0),
  mtime: z.string().catch(''),
});

/** Bits of Go's `fs.FileMode`, as the Engine API writes modes. */
const MODE_DIRECTORY = 31;
const MODE_SYMLINK = 27;
/** Device, named pipe, socket, character device, irregular file. */
const MODE_OTHERS: readonly number[] = [26, 25, 24, 21, 19];
const PERMISSIONS = 0o777;

type Headers = Pick<IncomingMessage, 'headers'>;

/**
 * Returns the target of a link from the header of an archive call; '' when the header does not name
 * the target. Returns undefined when the header does not report a link. The header is present even
 * for a dangling link, which some engines answer with 404.
 */
export function reportedLink(response: Headers): string | undefined {
  const stat = reportedStat(response);
  return stat !== undefined && has(stat.mode, MODE_SYMLINK) ? stat.linkTarget : undefined;
}

/**
 * Returns the facts about a regular file or a directory from the header of an archive call. Returns
 * undefined for anything else, and when the engine has followed a link, which shows in the name.
 */
export function reportedFile(response: Headers, path: string): PathStat | undefined {
  const stat = reportedStat(response);
  if (stat === undefined || stat.name !== posix.basename(path)) return undefined;
  if ([MODE_SYMLINK, ...MODE_OTHERS].some((bit) => has(stat.mode, bit))) return undefined;
  const modifiedMs = Math.floor(Date.parse(stat.mtime) / 1000) * 1000;
  if (Number.isNaN(modifiedMs)) return undefined;
  return {
    kind: has(stat.mode, MODE_DIRECTORY) ? 'directory' : 'file',
    mode: stat.mode % (PERMISSIONS + 1),
    sizeBytes: stat.size,
    modifiedMs,
  };
}

function reportedStat({ headers }: Headers): z.infer<typeof statSchema> | undefined {
  const header = headers['x-docker-container-path-stat'];
  if (typeof header !== 'string') return undefined;
  const stat = statSchema.safeParse(parseJson(Buffer.from(header, 'base64').toString()));
  return stat.success ? stat.data : undefined;
}

/** Tests one bit. JavaScript's bitwise operators support fewer bits than a mode has. */
function has(mode: number, bit: number): boolean {
  return Math.floor(mode / 2 ** bit) % 2 === 1;
}
