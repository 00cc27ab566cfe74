import { mkdirSync, statSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** The part of `node:module` that Node has from 22.1 on. */
interface Caching {
  readonly enableCompileCache?: (directory: string) => unknown;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * From its second start on the program is not compiled again, where Node can keep that (22.1 on). The
 * cache holds code that runs, so it lies with the user's own files and never in a directory that
 * somebody else may write to: Node's own default is below `/tmp`.
 */
export function keepCompiled(env: Environment): void {
  const { enableCompileCache } = nodeModule as Caching;
  if (enableCompileCache === undefined) return;
  const directory = join(cacheHome(env), 'temporal-gitlab-runner', 'compiled');
  if (isOwn(directory)) enableCompileCache(directory);
}

/** Source: XDG Base Directory Specification: a relative path is not valid. */
function cacheHome(env: Environment): string {
  const chosen = env['XDG_CACHE_HOME'] ?? '';
  return isAbsolute(chosen) ? chosen : join(homedir(), '.cache');
}

/** False also where there is no home, or none that can be written to: a start without it is slower. */
function isOwn(directory: string): boolean {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const { uid, mode } = statSync(directory);
    return uid === process.getuid?.() && (mode & 0o022) === 0;
  } catch {
    return false;
  }
}
