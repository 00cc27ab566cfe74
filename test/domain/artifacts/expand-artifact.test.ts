import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { expandArtifact } from '../../../src/domain/artifacts/expand-artifact.ts';

const VARIABLES = {
  projectDir: '/builds/p',
  environment: () => ['NAME=app', 'FILE=/builds/p.tmp/FILE', 'EQUAL=a=b'],
};

describe('the texts of an entry', () => {
  it('are expanded as by a shell, and patterns stay unchanged', () => {
    const expanded = expandArtifact(
      {
        name: '$NAME-${MISSING:-none}',
        paths: ['${NAME%p}/*.txt', '$FILE', '$EQUAL'],
        exclude: ['**/$NAME'],
      },
      VARIABLES,
    );
    assert.deepEqual(expanded, {
      name: 'app-none',
      paths: ['ap/*.txt', '/builds/p.tmp/FILE', 'a=b'],
      exclude: ['**/app'],
      lines: [],
    });
  });

  it('stay unchanged when they cannot be expanded, with a warning', () => {
    const { name, paths, lines } = expandArtifact(
      { name: '${', paths: ['$(id)', 'a'], exclude: [] },
      VARIABLES,
    );
    assert.equal(name, '${');
    assert.deepEqual(paths, ['$(id)', 'a']);
    assert.equal(lines.length, 2);
    assert.match(lines[0]?.text ?? '', /^invalid artifact name: /);
    assert.match(lines[1]?.text ?? '', /^invalid path "\$\(id\)": /);
  });
});
