import { readFile } from 'node:fs/promises';
import { FailureType, FinalError } from '../../domain/failure.ts';

/**
 * Replaces the path of a profile by its content. Like the docker program, this reads
 * `seccomp=/path` on the client's side, because the daemon takes the profile itself.
 */
export function inlineSeccomp(options: readonly string[]): Promise<string[]> {
  return Promise.all(options.map(inline));
}

async function inline(option: string): Promise<string> {
  const path = /^seccomp[=:](.*)$/s.exec(option)?.[1]?.trim();
  if (path === undefined || ['unconfined', 'builtin'].includes(path) || path.startsWith('{')) {
    return option;
  }
  try {
    const profile: unknown = JSON.parse(await readFile(path, 'utf8'));
    return `seccomp=${JSON.stringify(profile)}`;
  } catch (cause) {
    throw new FinalError(
      FailureType.RunnerConfiguration,
      `cannot read the seccomp profile ${path} of security_opt in [runners.docker]: it must be a JSON file on the runner's node`,
      { cause },
    );
  }
}
