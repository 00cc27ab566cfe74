import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { projectRoot } from '../support/project-root.ts';
import { linesWithAllPorts } from './ports.ts';

const ROOT = projectRoot();
/** These files create the ports, and give each activity those that it needs. */
const COMPOSITION_ROOTS = ['src/activities/index.ts', 'src/worker/node.ts'];

it('only the composition roots take all ports', async () => {
  const found: string[] = [];
  for (const folder of ['src/activities', 'src/worker']) {
    const names = await readdir(join(ROOT, folder), { recursive: true });
    for (const name of names.filter((file) => file.endsWith('.ts'))) {
      const file = `${folder}/${name}`;
      const lines = linesWithAllPorts(await readFile(join(ROOT, file), 'utf8'));
      if (COMPOSITION_ROOTS.includes(file)) assert.notEqual(lines.length, 0, file);
      else found.push(...lines.map((line) => `${file}:${line}`));
    }
  }
  assert.deepEqual(found, []);
});

const planted: readonly [text: string, isFound: boolean, why: string][] = [
  ['function send(ports: Ports): void {}', true, 'a parameter'],
  ['interface Scope { readonly ports: Ports; }', true, 'a property'],
  ["type Some = Omit<Ports, 'log'>;", true, 'nearly all of them'],
  ['interface Scope extends Ports {}', true, 'an extended type'],
  ["function send(ports: Pick<Ports, 'log'>): void {}", false, 'a part'],
  ["interface Scope extends Pick<Ports, 'log'> {}", false, 'an extended part'],
  ["function send(log: Ports['log']): void {}", false, 'one port'],
];
for (const [text, isFound, why] of planted) {
  it(`in a planted file, ${why} is ${isFound ? 'found' : 'allowed'}`, () => {
    assert.deepEqual(linesWithAllPorts(text), isFound ? [1] : []);
  });
}
