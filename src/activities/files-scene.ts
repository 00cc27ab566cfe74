import type { Variables } from '../domain/job/variables.ts';
import type { ContainerEngine, Ports } from './ports.ts';

/** Where a job's files are read. */
export interface FilesScene {
  readonly engine: ContainerEngine;
  readonly container: string;
  readonly ports: Pick<Ports, 'clock'>;
  readonly variables: Pick<Variables, 'projectDir'>;
  readonly signal: AbortSignal;
}
