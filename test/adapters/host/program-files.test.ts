import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { programFile } from '../../../src/adapters/host/program-files.ts';
import { projectRoot } from '../../support/project-root.ts';

it('a file of the built program is found from its compiled sources too', () => {
  assert.equal(programFile('revision.json'), join(projectRoot(), 'dist/revision.json'));
});
