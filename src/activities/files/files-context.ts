import type { Variables } from '../../domain/variables/variables.ts';
import type { ContainerEngine, Ports } from '../../ports/index.ts';

/** The container and directory from which a job's files are read. */
export interface FilesContext {
  readonly engine: ContainerEngine;
  readonly container: string;
  readonly ports: Pick<Ports, 'clock'>;
  readonly variables: Pick<Variables, 'projectDir'>;
  readonly signal: AbortSignal;
}
