import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { eachOf } from '../../../src/domain/each-of.ts';
import { readContent } from '../../../src/domain/files/read-content.ts';
import { tarOf } from '../../../src/adapters/tar/writer.ts';
import type { ContainerEngine, FileMember, HardLink } from '../../../src/ports/index.ts';
import { directory, file, membersOf } from '../archives/support.ts';
import { engineFor, PATIENT } from './fake-daemon.ts';
import { created, openEngine } from './support.ts';

const never = new AbortController().signal;

/** Returns the lengths and beginnings of the files at `/d`. */
async function readFiles(
  engine: ContainerEngine,
  id: string,
  wantsLink?: (path: string) => boolean,
): Promise<readonly string[]> {
  const found: string[] = [];
  const options = { signal: never, ...(wantsLink && { wantsLink }) };
  for await (const member of (await engine.readFiles(id, '/d', options)) ?? []) {
    if (member.kind !== 'file') continue;
    const text = Buffer.from(await readContent(member)).toString();
    found.push(`${member.path} ${text.length} ${text.slice(0, 10)}`);
  }
  return found.sort();
}

async function* treeOf(links: readonly string[]): AsyncGenerator<FileMember | HardLink> {
  yield* membersOf([directory('d'), file('d/first', 'text')]);
  const common = { ...file('', ''), kind: 'link', sizeBytes: 0, content: eachOf([]) } as const;
  for (const path of links) yield { ...common, path, linkTarget: 'd/first' };
}

describe('hard links of a container', () => {
  const cases: [count: number, wanted: RegExp, calls: number][] = [
    [2, /./, 3],
    [200, /./, 2],
    [200, /7$/, 21],
    [200, /none/, 1],
  ];
  for (const [count, wanted, calls] of cases) {
    it(`take ${calls} calls where of ${count} those are wanted that match ${wanted}`, async (t) => {
      const links = Array.from({ length: count }, (_, index) => `d/link-${index}`);
      const asked: string[] = [];
      const answer: RequestListener = ({ url = '' }, response) => {
        const path = new URL(url, 'http://docker').searchParams.get('path') ?? '';
        asked.push(path);
        const one = membersOf([file(basename(path), 'text')]);
        Readable.from(tarOf(path === '/d' ? treeOf(links) : one)).pipe(response);
      };
      const timing = { ...PATIENT, transferIdleMs: 60_000 };
      const engine = await engineFor(t, answer, { timing });
      const found = await readFiles(engine, 'x', (path) => wanted.test(path));
      const expected = ['d/first', ...links.filter((path) => wanted.test(path))];
      assert.deepEqual(found, expected.map((path) => `${path} 4 text`).sort());
      assert.equal(asked.length, calls, asked.join());
    });
  }

  it('have the content of their file, however many and however large', async (t) => {
    const engine = openEngine();
    const script = `mkdir /d; cd /d; head -c 5000000 /dev/zero | tr '\\0' z > 0; ln 0 large.1; ln 0 large.2
      : > empty; ln empty none
      for i in $(seq 20); do echo "text $i" > a$i; ln a$i b$i; ln a$i c$i; ln a$i d$i; done`;
    const id = await created(t, engine, { command: ['sh', '-ec', script] });
    await engine.startContainer(id);
    assert.equal((await engine.waitForExit(id, never)).exitCode, 0);
    const numbers = Array.from({ length: 20 }, (_, index) => `${index + 1}`);
    const small = numbers.flatMap((number) =>
      [...'abcd'].map((letter) => `d/${letter}${number} ${6 + number.length} text ${number}\n`),
    );
    const large = ['0', 'large.1', 'large.2'].map((name) => `d/${name} 5000000 zzzzzzzzzz`);
    const expected = [...small, ...large, 'd/empty 0 ', 'd/none 0 '];
    assert.deepEqual(await readFiles(engine, id), expected.sort());
  });
});
