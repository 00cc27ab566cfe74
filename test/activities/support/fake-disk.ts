import type { BuildStore, TraceSpool, TraceWriter } from '../../../src/ports/index.ts';
import { isStageOver } from '../../../src/domain/script/stage-state.ts';
import { EMPTY_SPOOL, tick, until, type SpoolState, type World } from './world.ts';

/** The node's records. A note is on disk when its promise resolves. */
export function createFakeStore({ disk, wakePipes }: World, isAlive: () => boolean): BuildStore {
  /** Ends also when the process has died. */
  const untilDead = (isDone: () => boolean): Promise<void> => until(() => !isAlive() || isDone());
  const pathsOf = (place: string) => ({
    script: `/${place}/script`,
    output: `/${place}/output`,
    state: `/${place}/state`,
    nextStage: `/${place}/turn`,
    wakePipe: wakePipes === 'none' ? undefined : `/${place}/bell`,
  });
  return {
    create: (draft) => {
      const context = { ...draft, concurrentId: 0, concurrentProjectId: 0 };
      disk.records.set(draft.buildId, context);
      return Promise.resolve(context);
    },
    keep: (buildId, additions) => {
      const known = disk.records.get(buildId);
      if (known !== undefined) disk.records.set(buildId, { ...known, ...additions });
      return Promise.resolve();
    },
    read: (buildId) => Promise.resolve(disk.records.get(buildId)),
    readFromDisk: (buildId) => Promise.resolve(disk.records.get(buildId)),
    list: () => Promise.resolve([...disk.records.keys()]),
    directory: (buildId) => `/builds/${buildId}`,
    remove: (buildId) => {
      disk.notes.clear();
      disk.records.delete(buildId);
      return Promise.resolve();
    },
    readNote: (_buildId, name) => Promise.resolve(disk.notes.get(name)),
    writeNote: (_buildId, name, value) => {
      disk.notes.set(name, structuredClone(value));
      return Promise.resolve();
    },
    serviceLogFile: (_buildId, index) => Promise.resolve(`/services/${index}.log`),
    scratchFile: (_buildId, name) => Promise.resolve(`/scratch/${name}`),
    stageFiles: (_buildId, place) => Promise.resolve(pathsOf(place)),
    writeScript: (_buildId, place, { text, nonce }) => {
      const files = disk.files[place];
      if (!files.state.startsWith(nonce)) files.state = '';
      files.script = text;
      return Promise.resolve();
    },
    writeNextStage: (_buildId, place, nonce) => {
      disk.files[place].nextStage = nonce;
      return Promise.resolve();
    },
    wakeContainer: async (_buildId, place, { nonce, signal }) => {
      const files = disk.files[place];
      while (isAlive() && !signal.aborted && !files.state.startsWith(nonce)) {
        if (wakePipes === 'unshared' && files.wake !== undefined) return 'unnoticed';
        files.wake?.();
        await tick();
      }
      return undefined;
    },
    whenBegun: (_buildId, place, { nonce, signal }) =>
      untilDead(() => signal.aborted || disk.files[place].state.startsWith(nonce)),
    whenOver: (_buildId, place, { nonce, signal }) =>
      untilDead(() => signal.aborted || isStageOver(disk.files[place].state, nonce)),
    readState: (_buildId, place) => Promise.resolve(disk.files[place].state),
    readOutputEnd: (_buildId, place, fromByte) => {
      const { output } = disk.files[place];
      return Promise.resolve({ text: output.slice(fromByte), endByte: output.length });
    },
  };
}

/** The trace on disk. */
export function createFakeSpool(world: World, isAlive: () => boolean): TraceSpool {
  const open = (): TraceWriter => {
    let now: SpoolState = world.spool.saved;
    const append = (text: string, change: Partial<SpoolState>): void => {
      now = { ...now, text: now.text + text, ...change };
      if (world.spool.keeps === 'everything') world.spool.saved = now;
    };
    const appendOnce = (key: string, text: string): Promise<void> => {
      if (!now.keys.has(key)) append(text, { keys: new Set([...now.keys, key]) });
      world.spool.saved = now;
      return Promise.resolve();
    };
    const take = (source: 'build' | 'helper'): void => {
      const { output } = world.disk.files[source];
      const taken = output.slice(now.offsets.get(source) ?? 0);
      append(taken, { offsets: new Map([...now.offsets, [source, output.length]]) });
    };
    return {
      appendOnce,
      appendBytesOnce: (key, _stream, bytes) => appendOnce(key, new TextDecoder().decode(bytes)),
      followFile: async (source, _path, signal) => {
        while (!signal.aborted && isAlive()) {
          take(source as 'build' | 'helper');
          await tick();
        }
        if (isAlive()) take(source as 'build' | 'helper');
      },
      abandonFile: () => Promise.resolve(),
      isOverLimit: false,
      hide: (phrases) => {
        world.spool.hidden.push(...phrases);
        return Promise.resolve();
      },
      endStreams: () => Promise.resolve(),
      checkpoint: () => Promise.resolve(void (world.spool.saved = now)),
      read: (startByte, maxBytes) =>
        Promise.resolve(
          new TextEncoder().encode(world.spool.saved.text).slice(startByte, startByte + maxBytes),
        ),
      get sendableBytes() {
        return world.spool.saved.text.length;
      },
      get writtenBytes() {
        return now.text.length;
      },
      checksum: () => ({ checksum: 'crc32:0', byteSize: world.spool.saved.text.length }),
      get ackedBytes() {
        return now.ackedBytes;
      },
      set ackedBytes(ackedBytes) {
        now = { ...now, ackedBytes };
      },
    };
  };
  const writers = new Map<string, TraceWriter>();
  return {
    open: ({ buildId }) => {
      const writer = writers.get(buildId) ?? open();
      writers.set(buildId, writer);
      return Promise.resolve(writer);
    },
    close: (buildId) => {
      writers.delete(buildId);
      if (isAlive()) world.spool.saved = EMPTY_SPOOL;
      return Promise.resolve();
    },
  };
}
