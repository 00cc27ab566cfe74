import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createServiceLog, type LogPiece } from '../../../src/domain/trace/service-log.ts';

const STAMP = '2026-01-31T23:59:59.123456789Z ';

interface Message {
  readonly stream: LogPiece['stream'];
  readonly text: string;
}

/** The messages as Docker sends them, each cut into pieces of `size` bytes. */
function format(messages: readonly Message[], size = 1_000): string {
  const log = createServiceLog('db-postgres');
  const parts: Uint8Array[] = [];
  for (const { stream, text } of messages) {
    const bytes = new TextEncoder().encode(STAMP + text);
    for (let at = 0; at < bytes.length; at += size) {
      const piece = bytes.subarray(at, at + size);
      parts.push(log.write({ stream, bytes: piece, startsMessage: at === 0 }));
    }
  }
  parts.push(log.end());
  return Buffer.concat(parts).toString();
}

const line = (text: string): string =>
  `\u001b[0;37m[service:db-postgres] ${STAMP}${text}\u001b[0;m\n`;

describe('the log of a service', () => {
  it('has the service’s name at the beginning of each line', () => {
    const messages = [
      { stream: 'stdout', text: 'one\n' },
      { stream: 'stderr', text: 'two\n' },
    ] as const;
    assert.equal(format(messages), line('one') + line('two'));
  });

  it('has a long line in one piece, because Docker might cut it in the middle of a secret', () => {
    const messages = [
      { stream: 'stdout', text: 'the password is hun' },
      { stream: 'stderr', text: 'meanwhile\n' },
      { stream: 'stdout', text: 'ter2\n' },
    ] as const;
    assert.equal(format(messages), line('meanwhile') + line('the password is hunter2'));
  });

  it('has a line without an end at its own end', () => {
    assert.equal(format([{ stream: 'stdout', text: 'unfinished' }]), line('unfinished'));
  });

  it('is the same however it is cut', () => {
    const messages = fc.array(
      fc.record({
        stream: fc.constantFrom('stdout' as const, 'stderr' as const),
        text: fc.constantFrom('a\n', 'bc', 'd e f\n', '\n'),
      }),
    );
    fc.assert(
      fc.property(messages, fc.integer({ min: 1, max: 50 }), (list, size) => {
        assert.equal(format(list, size), format(list));
      }),
    );
  });
});
