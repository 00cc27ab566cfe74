/** The text that replaces a secret in the trace. Source: gitlab-runner `common/buildlogger`. */
export const MASK: Uint8Array = new TextEncoder().encode('[MASKED]');
