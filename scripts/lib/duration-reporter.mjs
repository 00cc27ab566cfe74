/**
 * A reporter of Node's tests that writes a line of JSON with the duration of each file, including
 * everything that it started.
 */
export default async function* reportDurations(source) {
  for await (const { type, data } of source) {
    // Node reports a file as a test with the file's path as its name. A test's own `file` is the
    // one that calls `test`, which may be a helper.
    if (type !== 'test:complete' || data.nesting > 0 || !data.name.endsWith('.test.js')) continue;
    yield `${JSON.stringify({ file: data.file, ms: data.details.duration_ms })}\n`;
  }
}
