import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { FailureType, FinalError } from '../../domain/failure.ts';
import type { Refusal } from './faults.ts';

/**
 * Replaces the path of a profile by its content. Like the docker program, this reads
 * `seccomp=/path` on the client's side, because the daemon takes the profile itself.
 */
export function inlineSeccomp(options: readonly string[]): Promise<string[]> {
  return Promise.all(options.map(inline));
}

/**
 * Whether the engine wants a path. Podman reads the profile itself and takes the value as a path.
 */
export function wantsSeccompPath({ status, message }: Refusal): boolean {
  return status === 500 && message.includes('opening seccomp profile failed: open {');
}

/** Makes the paths of profiles absolute, because the engine works in another directory. */
export function resolveSeccomp(options: readonly string[]): string[] {
  return options.map((option) => {
    const path = pathOf(option);
    return path === undefined ? option : `seccomp=${resolve(path)}`;
  });
}

function pathOf(option: string): string | undefined {
  const value = /^seccomp[=:](.*)$/s.exec(option)?.[1]?.trim();
  const isPath = value !== undefined && !/^(?:unconfined$|builtin$|\{)/.test(value);
  return isPath ? value : undefined;
}

async function inline(option: string): Promise<string> {
  const path = pathOf(option);
  if (path === undefined) return option;
  try {
    const profile = await readFile(path, 'utf8');
    JSON.parse(profile);
    // The text stays as it is, because its numbers may have 64 bits.
    return `seccomp=${profile.trim()}`;
  } catch (cause) {
    throw new FinalError(
      FailureType.RunnerConfiguration,
      `cannot read the seccomp profile ${path} of security_opt in [runners.docker]: it must be a JSON file on the runner's node`,
      { cause },
    );
  }
}
