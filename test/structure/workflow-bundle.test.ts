import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { it } from 'node:test';
import { WORKFLOW_BUNDLE } from '../workflows/support/workflow-bundle.ts';

it('the workflow bundle has a map to files and lines, without columns and sources, which each worker would parse and keep in memory', async () => {
  const code = await readFile(WORKFLOW_BUNDLE.codePath, 'utf8');
  const map = /\/\/# sourceMappingURL=data:application\/json[^,]*,([\w+/=]+)\s*$/.exec(code)?.[1];
  const { mappings, sources, sourcesContent } = JSON.parse(
    Buffer.from(map ?? '', 'base64').toString(),
  ) as { mappings: string; sources: string[]; sourcesContent?: unknown };
  assert.ok(mappings.length > 1_000);
  // A comma would separate two places of one line.
  assert.doesNotMatch(mappings, /,/);
  assert.ok(sources.some((source) => source.endsWith('/run-build.ts')));
  assert.equal(sourcesContent, undefined);
});
