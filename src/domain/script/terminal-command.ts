import { quote } from './quote.ts';
import { SHELLS } from './stage-command.ts';

/**
 * Returns the command of a person's shell beside the job: a login shell, the first one that the
 * image has, in the project's directory when that exists. Source: gitlab-runner `shells/bash.go`
 * (GetConfiguration), which does not change the directory.
 */
export function terminalCommand(projectDir: string): readonly string[] {
  const lines = [
    `cd ${quote(projectDir)} 2>/dev/null`,
    `for _runner_shell in ${SHELLS.join(' ')}; do`,
    '  if [ -x "$_runner_shell" ]; then exec "$_runner_shell" -l; fi',
    'done',
    'echo shell not found >&2',
    'exit 1',
  ];
  return ['sh', '-c', `${lines.join('\n')}\n`];
}
