import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseDockerConfig, type AuthSource } from '../../domain/executor/registry-auth.ts';
import { errorCode } from '../host/error-code.ts';

/**
 * Reads the registry credentials of this program's user: the file of DOCKER_CONFIG if that is set,
 * then `~/.docker/config.json`, otherwise `~/.dockercfg`. A missing file is a source without
 * entries; an unreadable one is a source with a problem.
 */
export async function readDockerConfigFiles(
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly AuthSource[]> {
  const home = given(env.HOME) ?? homedir();
  const usual = join(home, '.docker');
  const ofUser = [join(usual, 'config.json'), join(home, '.dockercfg')];
  const folder = resolve(given(env.DOCKER_CONFIG) ?? usual);
  const places = folder === usual ? [ofUser] : [[join(folder, 'config.json')], ofUser];
  return Promise.all(places.map(readFirst));
}

async function readFirst(paths: readonly string[]): Promise<AuthSource> {
  for (const path of paths) {
    try {
      return parseDockerConfig(path, await readFile(path, 'utf8'));
    } catch (error) {
      const code = errorCode(error) ?? 'unknown error';
      if (code === 'ENOENT' || code === 'ENOTDIR') continue;
      return { name: path, entries: [], problem: `it cannot be read (${code})` };
    }
  }
  return { name: paths[0] ?? '', entries: [], problem: undefined };
}

/** Returns the value. An empty variable counts as unset. */
function given(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}
