import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, it } from 'node:test';
import type { Clock, ContainerEngine } from '../../../src/ports/index.ts';
import type { FilesContext } from '../../../src/activities/files/files-context.ts';
import { listedFiles } from '../../../src/activities/files/selected-files.ts';

const engine: Pick<ContainerEngine, 'readFiles'> = { readFiles: () => Promise.resolve(undefined) };

/** A clock that advances by one millisecond each time it is read. */
function sceneOf({ onPause, signal }: { onPause?: () => void; signal?: AbortSignal } = {}) {
  let nowMs = 0;
  const clock: Clock = {
    ...{ nowMs: () => 0, monotonicMs: () => (nowMs += 1) },
    sleep: (ms, stopped) => {
      onPause?.();
      return delay(ms, undefined, stopped && { signal: stopped });
    },
  };
  const scene: FilesContext = {
    ...{ engine: engine as ContainerEngine, container: 'build', ports: { clock } },
    variables: { projectDir: '/project' },
    signal: signal ?? new AbortController().signal,
  };
  return scene;
}

const names = Array.from({ length: 1_000 }, (_, index) => `file-${index}`);

describe('listed names', () => {
  it('leave room for heartbeats, however many there are', async () => {
    let pauses = 0;
    let asked = 0;
    const scene = sceneOf({ onPause: () => (pauses += 1) });
    const offer = (): boolean => ++asked < 0;
    for await (const { path } of listedFiles(scene, { places: [], offer }, names))
      assert.fail(path);
    assert.equal(asked, 1_000);
    assert.ok(pauses >= 10, `${pauses} pauses`);
  });

  it('are not looked at after the stage was stopped', async () => {
    const stop = new AbortController();
    const onPause = (): void => stop.abort(new Error('stopped'));
    let asked = 0;
    const offer = (): boolean => ++asked < 0;
    const files = listedFiles(
      sceneOf({ onPause, signal: stop.signal }),
      { places: [], offer },
      names,
    );
    await assert.rejects(files.next(), { name: 'AbortError' });
    assert.ok(asked < 200, `${asked} were asked about`);
  });
});
