import { DefaultFailureConverter } from '@temporalio/common';

/** Loaded by path, also inside the workflow bundle. Messages and stack traces are encrypted too. */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
