/** A reporter of `node --test`: a line of JSON with the duration of each test at the top of a file. */
export default async function* reportDurations(source) {
  for await (const { type, data } of source) {
    const hasEnded = type === 'test:pass' || type === 'test:fail';
    if (!hasEnded || data.nesting > 0 || data.file === undefined) continue;
    // Node also reports each file as a whole; that would count its tests twice.
    if (data.name === data.file || data.name.endsWith('.test.js')) continue;
    yield `${JSON.stringify({ file: data.file, ms: data.details.duration_ms })}\n`;
  }
}
