import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

export type Env = Readonly<Record<string, string | undefined>>;

/** Returns the full path of a program on the PATH of `env`; undefined when there is none. */
export function findOnPath(name: string, { PATH = '' }: Env): Promise<string | undefined> {
  const directories = PATH.split(delimiter).filter((directory) => directory !== '');
  return firstExecutable(directories.map((directory) => join(directory, name)));
}

async function firstExecutable(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await isExecutable(path)) return path;
  return undefined;
}

export async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
