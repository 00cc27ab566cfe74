/** Time limit for a query. Only a worker answers queries, and none may be running. */
export const QUERY_LIMIT_MS = 5_000;
