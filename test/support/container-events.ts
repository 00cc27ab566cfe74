import { createInterface } from 'node:readline';
import Docker from 'dockerode';

/** What Docker says of the containers of builds, as it happens. */
export interface ContainerEvents {
  /** Calls back in the turn in which Docker's word arrives; returns how to stop. */
  listen(listener: (event: ContainerEvent) => void): () => void;
  /** How often containers of this job were started. */
  countStarts(jobId: number): number;
  close(): void;
}

export interface ContainerEvent {
  readonly id: string;
  readonly jobId: number;
  /** `create`, `start`, `die`, `destroy` … */
  readonly action: string;
}

interface EventStream extends NodeJS.ReadableStream {
  destroy(): void;
}

const BUILD_LABEL = 'temporal-gitlab-runner.build';

export async function followContainers(): Promise<ContainerEvents> {
  const filters = { type: ['container' as const], label: [BUILD_LABEL] };
  // The answer to an HTTP request, though its type says less.
  const stream = (await new Docker().getEvents({ filters })) as EventStream;
  const listeners = new Set<(event: ContainerEvent) => void>();
  const starts = new Map<number, number>();
  const lines = createInterface({ input: stream }).on('line', (line) => {
    const event = parseEvent(line);
    if (event.action === 'start') starts.set(event.jobId, (starts.get(event.jobId) ?? 0) + 1);
    for (const listener of listeners) listener(event);
  });
  return {
    listen: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    countStarts: (jobId) => starts.get(jobId) ?? 0,
    close: () => {
      lines.close();
      stream.destroy();
    },
  };
}

function parseEvent(line: string): ContainerEvent {
  const { Action, Actor } = JSON.parse(line) as {
    readonly Action: string;
    readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  };
  const buildId = Actor.Attributes[BUILD_LABEL] ?? '';
  return { id: Actor.ID, jobId: Number(buildId.split('/').at(-1)), action: Action };
}
