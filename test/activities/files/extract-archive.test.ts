import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { extractArchive } from '../../../src/activities/files/extract-archive.ts';
import type { ArchiveMember, ContainerEngine, Ports } from '../../../src/ports/index.ts';
import type { LiveBuild } from '../../../src/activities/build/live-builds.ts';
import { buildVariables } from '../../../src/domain/variables/variables.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';

const context = contextOf({});
const variables = buildVariables(context, { jobStatus: 'running' });

function impliedDirectory(path: string): ArchiveMember {
  return {
    ...{ path, kind: 'directory', mode: 0o777, uid: 0, gid: 0, modifiedMs: 0, isImplied: true },
    ...{ sizeBytes: 0, linkTarget: '', content: nothing() },
  };
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // It has no content.
}

interface World {
  /** The directories in paths of the archive, parents first. */
  readonly implied: readonly string[];
  readonly existing: readonly string[];
  readonly onLook?: (looks: number) => void;
}

/** Returns the written members, and the number of requests to Docker before the first one. */
async function extract(
  { implied, existing, onLook }: World,
  signal = new AbortController().signal,
): Promise<{ written: readonly string[]; looks: () => number }> {
  let looks = 0;
  const written: string[] = [];
  const engine: Pick<ContainerEngine, 'pathExists' | 'writeFiles'> = {
    pathExists: (_, path) => {
      onLook?.((looks += 1));
      return Promise.resolve(existing.some((one) => path === `${variables.projectDir}/${one}`));
    },
    writeFiles: async (_, __, { members }) => {
      for await (const { path } of members) written.push(path);
    },
  };
  const ports = {
    engine: () => engine,
    archives: {
      unpack: async function* () {
        yield* implied.map(impliedDirectory);
      },
    },
  } as unknown as Ports;
  const build = { context } as LiveBuild;
  await extractArchive(build, { ports, file: 'x.zip', variables, signal });
  return { written, looks: () => looks };
}

const cases: [implied: string[], existing: string[], expected: string[], why: string][] = [
  [['a'], [], ['a'], 'it is missing'],
  [['a'], ['a'], [], 'it is there, and keeps its owner and mode'],
  [['a', 'a/b'], [], ['a', 'a/b'], 'what is below a missing one is missing'],
  [['a', 'a/b'], ['a'], ['a/b'], 'one of the two is there'],
  [['lib', 'libs'], ['libs'], ['lib'], 'a name is not below its own beginning'],
  [['d/lib', 'd/libs'], ['d', 'd/libs'], ['d/lib'], 'nor further down'],
];

describe('directories that only paths of members name', () => {
  for (const [implied, existing, expected, why] of cases) {
    it(`${implied.join()} over ${existing.join() || 'nothing'}: ${why}`, async () => {
      assert.deepEqual((await extract({ implied, existing })).written, expected);
    });
  }

  it('are not looked for after the stage was stopped', async () => {
    const implied = Array.from({ length: 1000 }, (_, index) => `d${index}`);
    const stop = new AbortController();
    let asked = 0;
    const onLook = (looks: number): void => {
      asked = looks;
      if (looks === 3) stop.abort(new Error('stopped'));
    };
    const extracting = extract({ implied, existing: implied, onLook }, stop.signal);
    await assert.rejects(extracting, /stopped/);
    assert.equal(asked, 3);
  });
});
