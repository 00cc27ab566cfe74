import promises, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

type Call = (...args: readonly unknown[]) => Promise<unknown>;
/** A module or a prototype with the functions to replace. */
type Functions = Record<string, Call>;

const COUNTED = [
  ...['access', 'appendFile', 'chmod', 'link', 'lstat', 'mkdir', 'open', 'readFile', 'readdir'],
  ...['rename', 'rm', 'rmdir', 'stat', 'truncate', 'unlink', 'utimes', 'writeFile'],
];
const COUNTED_OF_HANDLES = [
  ...['read', 'write', 'writev', 'stat', 'sync', 'datasync', 'truncate', 'chmod'],
];

export interface FileOperations {
  /** Numbers of calls by name. Names of calls on an open file begin with a dot. */
  readonly counts: ReadonlyMap<string, number>;
  readonly total: number;
}

/** Counts the calls of `node:fs/promises` while `work` runs, except those that close files. */
export async function countFileOperations(work: () => Promise<unknown>): Promise<FileOperations> {
  const counts = new Map<string, number>();
  const undo = [
    ...countCalls(promises as unknown as Functions, { names: COUNTED, prefix: '', counts }),
    ...countCalls(await prototypeOfHandles(), { names: COUNTED_OF_HANDLES, prefix: '.', counts }),
  ];
  syncBuiltinESMExports();
  try {
    await work();
  } finally {
    for (const restore of undo) restore();
    syncBuiltinESMExports();
  }
  return { counts, total: [...counts.values()].reduce((sum, count) => sum + count, 0) };
}

interface Counting {
  readonly names: readonly string[];
  readonly prefix: string;
  readonly counts: Map<string, number>;
}

function countCalls(
  functions: Functions,
  { names, prefix, counts }: Counting,
): readonly (() => void)[] {
  return names.flatMap((name) => {
    const call = functions[name];
    if (call === undefined) return [];
    functions[name] = function (this: unknown, ...args: readonly unknown[]) {
      counts.set(prefix + name, (counts.get(prefix + name) ?? 0) + 1);
      return call.apply(this, [...args]);
    };
    return [() => void (functions[name] = call)];
  });
}

async function prototypeOfHandles(): Promise<Functions> {
  const handle: FileHandle = await promises.open('/dev/null');
  await handle.close();
  return Object.getPrototypeOf(handle) as Functions;
}
