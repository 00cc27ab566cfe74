/** What stands in the trace in place of a secret. Source: gitlab-runner `common/buildlogger`. */
export const MASK: Uint8Array = new TextEncoder().encode('[MASKED]');
