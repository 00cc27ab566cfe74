import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BuildStore } from '../../../src/ports/index.ts';
import {
  defineCounter,
  defineFlag,
  defineNote,
  parseNumber,
} from '../../../src/activities/build/note.ts';

function openDisk(notes: Record<string, unknown> = {}) {
  const builds: Pick<BuildStore, 'readNote' | 'writeNote'> = {
    readNote: (_buildId, name) => Promise.resolve(notes[name]),
    writeNote: (_buildId, name, value) => {
      notes[name] = value;
      return Promise.resolve();
    },
  };
  return { notes, ports: { builds: builds as BuildStore } };
}

describe('a note of a build', () => {
  it('is undefined before it is written, and then what was written', async () => {
    const { ports } = openDisk();
    const note = defineNote('seconds', parseNumber);
    assert.equal(await note.read('build/1', ports), undefined);
    await note.write('build/1', 3, ports);
    assert.equal(await note.read('build/1', ports), 3);
  });

  it('that is damaged fails with its name and its build', async () => {
    const { ports } = openDisk({ seconds: 'three' });
    await assert.rejects(defineNote('seconds', parseNumber).read('build/1', ports), {
      type: 'RunnerSystem',
      message: /"seconds" of build\/1 is damaged/,
    });
  });

  it('may be a flag that is set once', async () => {
    const { ports } = openDisk();
    const flag = defineFlag('over');
    assert.equal(await flag.isSet('build/1', ports), false);
    await flag.set('build/1', ports);
    assert.equal(await flag.isSet('build/1', ports), true);
  });

  it('may count, from the value of an earlier process', async () => {
    const { ports } = openDisk({ tries: 2 });
    const counter = defineCounter('tries');
    assert.equal(await counter.increment('build/1', ports), 3);
    assert.equal(await counter.read('build/1', ports), 3);
  });
});
