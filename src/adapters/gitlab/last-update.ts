import type { ApiReply } from './http.ts';

/** Keeps `X-GitLab-Last-Update` of this runner's queue, in memory only. */
export interface LastUpdate {
  read(): string | undefined;
  /** Stores the value of an answer to a JSON call. */
  take(reply: ApiReply): void;
}

/** Starts without a value. */
export function createLastUpdate(): LastUpdate {
  let value: string | undefined;
  return {
    read: () => value,
    take: ({ headers }) => {
      value = headers.get('X-GitLab-Last-Update') || value;
    },
  };
}
