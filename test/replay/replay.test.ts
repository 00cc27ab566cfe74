import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { projectRoot } from '../support/project-root.ts';
import { WORKFLOW_BUNDLE } from '../workflows/support/workflow-bundle.ts';
import { parseHistory } from './history-file.ts';

const FOLDER = join(projectRoot(), 'test/replay/histories');
const FILES = readdirSync(FOLDER).filter((file) => file.endsWith('.json'));

Runtime.install({ logger: new DefaultLogger('WARN') });

describe('the workflows of this version', () => {
  /** Why a history is not replayed, by its file. */
  const errors = new Map<string, Error | undefined>();
  // One worker replays them all, because each worker takes a fifth of a second.
  before(async () => {
    const histories = FILES.map((file) => ({
      workflowId: file,
      history: parseHistory(readFileSync(join(FOLDER, file), 'utf8')),
    }));
    const results = Worker.runReplayHistories({ workflowBundle: WORKFLOW_BUNDLE }, histories);
    for await (const { workflowId, error } of results) errors.set(workflowId, error);
  });

  it('have histories of every workflow to be replayed', () => {
    const workflows = new Set(FILES.map((file) => file.split('-')[0]));
    assert.deepEqual([...workflows].sort(), ['feedRunners', 'runBuild', 'serveRunner']);
  });

  for (const file of FILES) {
    it(`decide in ${file} as they did when it was recorded`, () => {
      assert.ok(errors.has(file), 'it was not replayed');
      assert.ifError(errors.get(file));
    });
  }
});
