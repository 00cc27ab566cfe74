import type { BuildContext } from '../context/context.ts';
import { containerNamesOf } from './environment.ts';
import { terminalCommand } from '../script/terminal-command.ts';
import { buildVariables } from '../variables/variables.ts';

/** A person's shell, and the container that it runs in. */
export interface PlannedTerminal {
  /** Name of the job's container. */
  readonly container: string;
  readonly command: readonly string[];
}

/** Plans a person's shell beside the job: in the job's container, in the project's directory. */
export function planTerminal(context: BuildContext): PlannedTerminal {
  const { projectDir } = buildVariables(context, { jobStatus: 'running' });
  return { container: containerNamesOf(context).build, command: terminalCommand(projectDir) };
}
