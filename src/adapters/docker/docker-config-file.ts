import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseDockerConfig, type AuthSource } from '../../domain/executor/registry-auth.ts';
import { errorCode } from '../host/error-code.ts';

/**
 * Reads the registry credentials of this program's user: `~/.docker/config.json` (or that of
 * DOCKER_CONFIG), otherwise `~/.dockercfg`. A missing file is a source without entries; an
 * unreadable one is a source with a problem.
 */
export async function readDockerConfigFile(
  env: Readonly<Record<string, string | undefined>>,
): Promise<AuthSource> {
  const assignment = given(env.HOME) ?? homedir();
  const folder = given(env.DOCKER_CONFIG) ?? join(assignment, '.docker');
  const paths = [join(folder, 'config.json'), join(assignment, '.dockercfg')];
  for (const path of paths) {
    try {
      return parseDockerConfig(path, await readFile(path, 'utf8'));
    } catch (error) {
      const code = errorCode(error) ?? 'unknown error';
      if (code === 'ENOENT' || code === 'ENOTDIR') continue;
      return { name: path, entries: [], problem: `it cannot be read (${code})` };
    }
  }
  return { name: paths[0] ?? folder, entries: [], problem: undefined };
}

/** Returns the value. An empty variable counts as unset. */
function given(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}
