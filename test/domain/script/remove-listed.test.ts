import assert from 'node:assert/strict';
import { it } from 'node:test';
import { formatRemovalList, planRemoval } from '../../../src/domain/script/remove-listed.ts';

const projectDir = '/builds/group/project';

const cases: readonly (readonly [why: string, path: string, removed: readonly string[]])[] = [
  ['a directory', 'vendor/', ['vendor']],
  ['an absolute path', '/builds/group/project/vendor', ['vendor']],
  ['the project itself stays', '.', []],
  ['what lies outside stays', '../other', []],
  ['what lies outside stays', '/etc', []],
  ['a pattern is none', 'vendor/*', []],
];
for (const [why, path, removed] of cases) {
  it(`for a cache of ${path}, ${JSON.stringify(removed)} is removed: ${why}`, () => {
    assert.deepEqual(planRemoval({ paths: [path], members: [], projectDir }), removed);
  });
}

it('unpacked members are removed too, each once', () => {
  const members = ['vendor', 'a/b', 'a/b'];
  assert.deepEqual(planRemoval({ paths: ['vendor/'], members, projectDir }), ['vendor', 'a/b']);
});

it('names are passed byte for byte, and none counts as an option', () => {
  const list = Buffer.from(formatRemovalList(['-rf', 'caf\udce9']));
  assert.equal(list.toString('latin1'), './-rf\0./caf\u00e9\0');
});
