const ENV_NAME = 'TEMPORAL_GITLAB_RUNNER_NAMES';

/**
 * Whether names of projects, jobs, refs and runners may be read by everybody who sees Temporal. Throws
 * for a word that is not known.
 */
export function readShowsNames(env: Readonly<Record<string, string | undefined>>): boolean {
  const word = env[ENV_NAME] ?? '';
  if (word === '' || word === 'clear') return true;
  if (word === 'off') return false;
  throw new Error(`${ENV_NAME} is ${JSON.stringify(word)}: expected clear or off`);
}
