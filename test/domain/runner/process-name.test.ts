import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  formatProcessName,
  isOlder,
  parseProcessName,
} from '../../../src/domain/runner/process-name.ts';

const NAME = 'vm:1:4711@3f2a9c1b since 2026-11-25T12:00:00.000Z';
const SINCE_MS = Date.parse('2026-11-25T12:00:00Z');

describe('the name of a process', () => {
  it('is read as it was written, whatever the host’s name is', () => {
    const name = { host: 'vm:1', pid: 4711, boot: '3f2a9c1b', sinceMs: SINCE_MS };
    assert.equal(formatProcessName(name), NAME);
    assert.deepEqual(parseProcessName(NAME), name);
  });

  it('may lack the boot when that is not known', () => {
    const name = { host: 'mac', pid: 1, boot: undefined, sinceMs: SINCE_MS };
    assert.deepEqual(parseProcessName(formatProcessName(name)), name);
  });

  it('may be one of 0.1.0, and is undefined for any other text', () => {
    const old = { host: 'vm', pid: 12, boot: undefined, sinceMs: undefined };
    assert.deepEqual(parseProcessName('vm:12'), old);
    assert.equal(parseProcessName('12@vm'), undefined);
  });

  it('tells which of two processes is older: exactly one of them', () => {
    const older = 'vm:9@b since 2026-11-25T11:59:59.000Z';
    assert.equal(isOlder(older, NAME), true);
    assert.equal(isOlder(NAME, older), false);
    const twin = NAME.replace('vm', 'wm');
    assert.equal(isOlder(NAME, twin), true);
    assert.equal(isOlder(twin, NAME), false);
  });
});
