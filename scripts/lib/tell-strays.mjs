import { isMainThread } from 'node:worker_threads';

// Node's test runner reports an error that belongs to no running test without its stack. A process
// of a file of tests gets this file by `--import`, and writes the stack to stderr. The runner
// listens to these events itself, so what happens next stays the same. Programs that tests start
// with the same options have no such runner, and must still end with the error.

const isFileOfTests = isMainThread && /\.(?:test\.js|group\.mjs)$/.test(process.argv[1] ?? '');
if (isFileOfTests && process.env.NODE_TEST_CONTEXT !== undefined) {
  process.on('unhandledRejection', (reason) => tell('unhandled rejection', reason));
  process.on('uncaughtExceptionMonitor', (error) => tell('uncaught exception', error));
}

function tell(what, error) {
  process.stderr.write(`${what}: ${error?.stack ?? error}\n`);
}
