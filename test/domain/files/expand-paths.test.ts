import assert from 'node:assert/strict';
import { it } from 'node:test';
import { expandPaths, shellLookup } from '../../../src/domain/files/expand-paths.ts';

const lookup = shellLookup({
  projectDir: '/builds/group/project',
  environment: () => ['NAME=a=b', 'EMPTY=', 'CONFIG=/builds/group/project.tmp/CONFIG'],
});

it('paths are expanded with the environment of the job', () => {
  assert.deepEqual(expandPaths(['$NAME/*', '${EMPTY:-dist}/', '$PWD/x', '$CONFIG'], lookup), {
    paths: ['a=b/*', 'dist/', '/builds/group/project/x', '/builds/group/project.tmp/CONFIG'],
    lines: [],
  });
});

it('a path that cannot be expanded stays unchanged, and the warning quotes it', () => {
  assert.deepEqual(expandPaths(['ok', '$(id)/x'], lookup), {
    paths: ['ok', '$(id)/x'],
    lines: [{ level: 'warning', text: 'invalid path "$(id)/x": commands are not run in it' }],
  });
});
