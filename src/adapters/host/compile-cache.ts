import { existsSync, mkdirSync, statSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** The part of `node:module` that Node has from 22.1 on. */
interface Caching {
  readonly enableCompileCache?: (directory: string) => unknown;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Keeps the compiled program for the next starts, where Node can do that (22.1 on). The cache holds
 * code that runs, so it is among the user's own files and never in a directory that somebody else
 * may write to: Node's own default is below `/tmp`.
 */
export function keepCompiled(env: Environment): void {
  const { enableCompileCache } = nodeModule as Caching;
  if (enableCompileCache === undefined) return;
  const home = cacheHome(env);
  const own = join(home, 'temporal-gitlab-runner');
  const directory = join(own, 'compiled');
  if (isMade([home, own, directory]) && isOwn(directory)) enableCompileCache(directory);
}

/**
 * Returns the user's directory for caches. Source: XDG Base Directory Specification: a relative
 * path is not valid.
 */
function cacheHome(env: Environment): string {
  const chosen = env['XDG_CACHE_HOME'] ?? '';
  return isAbsolute(chosen) ? chosen : join(homedir(), '.cache');
}

/**
 * Makes the directories. Returns false when there is no home directory, or none that is writable: a
 * start without the cache is only slower. Each directory is made by itself, because Node's
 * recursive call was seen not to return.
 */
function isMade(directories: readonly string[]): boolean {
  try {
    for (const directory of directories) {
      if (!existsSync(directory)) mkdirSync(directory, { mode: 0o700 });
    }
    return true;
  } catch {
    return directories.every((directory) => existsSync(directory)); // Another process has made it.
  }
}

function isOwn(directory: string): boolean {
  const { uid, mode } = statSync(directory);
  return uid === process.getuid?.() && (mode & 0o022) === 0;
}
