import type { BuildContext } from '../context/context.ts';
import type { Variables } from '../variables/variables.ts';
import { removeEnvFiles } from './cleanup.ts';
import { command, quote } from './quote.ts';

/**
 * Body of `prepare_script`, which runs in the helper. Source: gitlab-runner `shells/abstract.go`,
 * `bash.go`.
 */
export function prepareBody({ program }: BuildContext, variables: Variables): readonly string[] {
  return [
    'read -r _runner_host </proc/sys/kernel/hostname || true',
    `printf 'Running on %s via %s...\\n' "$_runner_host" ${quote(program.hostname)}`,
    command('mkdir', '-p', variables.tempDir),
    ...removeEnvFiles(variables),
  ];
}
