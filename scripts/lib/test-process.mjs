import { setMaxListeners } from 'node:events';
import { createWriteStream } from 'node:fs';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import reportDurations from './duration-reporter.mjs';
import reportFailures from './failure-reporter.mjs';
import reportResults from './result-reporter.mjs';

// Node's test runner gets a process of its own, because `node --test` sorts its files by name: long
// ones would begin last, and the other slots would be empty until they end.

const { files, concurrency, limitMs, failures, durations, results } = JSON.parse(process.argv[2]);
const ending = new AbortController();
setMaxListeners(0, ending.signal); // each running file adds one
process.once('SIGTERM', () => ending.abort());

const events = run({ files, concurrency, timeout: limitMs, signal: ending.signal });
setMaxListeners(0, events); // each reporter adds some
events.on('test:fail', ({ todo }) => {
  if (todo === undefined || todo === false) process.exitCode = 1;
});
events.compose(new spec()).pipe(process.stdout);
report(reportFailures, failures);
report(reportDurations, durations);
if (results !== undefined) report(reportResults, results);

function report(reporter, file) {
  events.compose(reporter).pipe(createWriteStream(file));
}
