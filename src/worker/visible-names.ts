import type { Visibility } from '../ports/index.ts';

const ENV_NAME = 'TEMPORAL_GITLAB_RUNNER_NAMES';

/**
 * Reads whether everybody who sees Temporal may read the names of projects, jobs, refs and runners,
 * or may only find builds by them. Throws for a word that is not known.
 */
export function readNamesView(
  env: Readonly<Record<string, string | undefined>>,
  hashName: (name: string) => string,
): Pick<Visibility, 'showsNames' | 'hashName'> {
  const word = env[ENV_NAME] ?? '';
  if (word === '' || word === 'clear') return { showsNames: true };
  if (word === 'hashed') return { showsNames: false, hashName };
  if (word === 'off') return { showsNames: false };
  throw new Error(`${ENV_NAME} is ${JSON.stringify(word)}: expected clear, hashed or off`);
}
