import { GROUP_END, isMember, isProcess, pathOf } from './test-events.mjs';

/**
 * A reporter of Node's tests that writes a line of JSON with the duration of each file, including
 * everything that it started.
 */
export default async function* reportDurations(source) {
  for await (const { type, data } of source) {
    if (type !== 'test:complete' || !(isMember(data) || isProcess(data))) continue;
    // The files of a group have their own durations.
    if (data.name.endsWith(GROUP_END)) continue;
    yield `${JSON.stringify({ file: pathOf(data), ms: data.details.duration_ms })}\n`;
  }
}
