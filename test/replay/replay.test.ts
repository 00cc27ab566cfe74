import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { projectRoot } from '../support/project-root.ts';
import { bundleWorkflows } from '../workflows/support/world.ts';
import { parseHistory } from './history-file.ts';

const FOLDER = join(projectRoot(), 'test/replay/histories');
const FILES = readdirSync(FOLDER).filter((file) => file.endsWith('.json'));

describe('the workflows of this version', () => {
  let workflowBundle: WorkflowBundleWithSourceMap;
  before(async () => {
    workflowBundle = await bundleWorkflows();
  });

  it('have histories of every workflow to be replayed', () => {
    const workflows = new Set(FILES.map((file) => file.split('-')[0]));
    assert.deepEqual([...workflows].sort(), ['feedRunners', 'runBuild', 'serveRunner']);
  });

  for (const file of FILES) {
    it(`decide in ${file} as they did when it was recorded`, async () => {
      const history = parseHistory(readFileSync(join(FOLDER, file), 'utf8'));
      await Worker.runReplayHistory({ workflowBundle }, history);
    });
  }
});
