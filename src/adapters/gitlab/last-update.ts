import type { ApiReply } from './http.ts';

/** `X-GitLab-Last-Update` of this runner's queue, in memory only. */
export interface LastUpdate {
  read(): string | undefined;
  /** Remembers what any JSON call was answered with. */
  take(reply: ApiReply): void;
}

/** Knows nothing until the first answer. */
export function createLastUpdate(): LastUpdate {
  let value: string | undefined;
  return {
    read: () => value,
    take: ({ headers }) => {
      value = headers.get('X-GitLab-Last-Update') || value;
    },
  };
}
