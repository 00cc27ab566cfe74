import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, it } from 'node:test';
import type { Clock, ContainerEngine, FileMember } from '../../../src/ports/index.ts';
import type { FilesContext } from '../../../src/activities/files/files-context.ts';
import { listedFiles, selectedFiles } from '../../../src/activities/files/selected-files.ts';
import { planSelection } from '../../../src/domain/files/selection.ts';
import { file, membersOf } from '../../adapters/archives/support.ts';
import { createFakeFileSystem } from '../support/fake-files.ts';

type Engine = Pick<ContainerEngine, 'readFiles' | 'linkTarget'>;

const EMPTY = createFakeFileSystem().engine;

interface Scene {
  readonly onPause?: () => void;
  readonly signal?: AbortSignal;
  readonly engine?: Engine;
}

/** A clock that advances by one millisecond each time it is read. */
function sceneOf({ onPause, signal, engine = EMPTY }: Scene = {}) {
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

async function pathsOf(files: AsyncIterable<FileMember>): Promise<readonly string[]> {
  const paths: string[] = [];
  for await (const { path } of files) paths.push(path);
  return paths.sort();
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

describe('untracked files', () => {
  const cases: [paths: readonly string[], others: readonly string[], why: string][] = [
    [[], [], 'without other paths, as of artifacts'],
    [['lib/'], ['lib', 'lib/tracked'], 'beside a literal path, as of a cache'],
  ];
  for (const [paths, others, why] of cases) {
    it(`are read in few calls, however many there are, ${why}`, async () => {
      const { container, engine } = createFakeFileSystem();
      for (const name of [...names, 'lib/tracked', 'not wanted']) {
        container.set(`/project/${name}`, { text: name, modifiedMs: 0 });
      }
      container.set('/project/lib', { text: '', modifiedMs: 0, isDirectory: true });
      let calls = 0;
      const readFiles: Engine['readFiles'] = (...args) => {
        calls += 1;
        return engine.readFiles(...args);
      };
      const scene = sceneOf({ engine: { ...engine, readFiles } });
      const selection = planSelection({
        ...{ projectDir: '/project', paths, exclude: [], untracked: names, subject: 'artifacts' },
      });
      const found = await pathsOf(selectedFiles(scene, selection));
      assert.deepEqual(found, [...names, ...others].sort());
      assert.match(JSON.stringify(selection.lines()), /untracked: found 1000 files/);
      assert.ok(calls <= 51, `${calls} calls`);
    });
  }
});

describe('hard links', () => {
  const LINKS = ['lib/kept', 'other/dropped'];

  /** An engine with a file and its further names, and the links that it had to read. */
  function openLinks() {
    const read: string[] = [];
    const engine: Engine = {
      linkTarget: () => Promise.resolve(undefined),
      readFiles: (_container, _path, { wantsLink }) => {
        read.push(...LINKS.filter((name) => wantsLink?.(`project/${name}`) !== false));
        const all = ['lib/first', ...read].map((name) => file(`project/${name}`, name));
        return Promise.resolve(membersOf(all));
      },
    };
    const options = { projectDir: '/project', paths: ['**/lib/*'], exclude: [] } as const;
    const selection = planSelection({ ...options, subject: 'cache' });
    return { read, selection, scene: sceneOf({ engine }) };
  }

  it('that are not kept are not read, and each is counted once', async () => {
    const { read, selection, scene } = openLinks();
    const found = await pathsOf(selectedFiles(scene, selection));
    assert.deepEqual([found, read], [['lib/first', 'lib/kept'], ['lib/kept']]);
    assert.match(JSON.stringify(selection.lines()), /found 2 matching/);
  });

  it('that are not kept are not read among many listed names', async () => {
    const { read, selection, scene } = openLinks();
    const listed = [...LINKS, 'lib/first', ...names.map((name) => `${name}/lib/x`)];
    const found = await pathsOf(listedFiles(scene, selection, listed));
    assert.deepEqual([found, read], [['lib/first', 'lib/kept'], ['lib/kept']]);
  });
});
