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
 * The target of a link, as the header of an archive call tells it: '' where it does not say which.
 * undefined for what is no link, or not told to be one. The header is there also for a dangling link,
 * which some engines answer with 404.
 */
export function reportedLink(response: Headers): string | undefined {
  const stat = reportedStat(response);
  return stat !== undefined && has(stat.mode, MODE_SYMLINK) ? stat.linkTarget : undefined;
}

/**
 * A regular file or a directory, as the header of an archive call tells it. undefined for anything
 * else, and for what was found behind a link and so has another name.
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

/** The modes have more bits than JavaScript's bitwise operators. */
function has(mode: number, bit: number): boolean {
  return Math.floor(mode / 2 ** bit) % 2 === 1;
}
