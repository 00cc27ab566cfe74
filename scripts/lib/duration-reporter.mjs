/** A reporter of Node's tests: a line of JSON with how long each file took, with all that it started. */
export default async function* reportDurations(source) {
  for await (const { type, data } of source) {
    // Node tells of a file as of a test by its path. A test's own `file` is the one that calls
    // `test`, which is a helper where tests are made by one.
    if (type !== 'test:complete' || data.nesting > 0 || !data.name.endsWith('.test.js')) continue;
    yield `${JSON.stringify({ file: data.file, ms: data.details.duration_ms })}\n`;
  }
}
