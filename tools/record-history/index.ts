import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { formatHistory, type History } from '../../test/replay/history-file.ts';
import { projectRoot } from '../../test/support/project-root.ts';
import { openWorld, type World } from '../../test/workflows/support/world.ts';
import { CASES, type Case } from './cases.ts';

// `npm run record:history` records what the workflows of this version do in each case, as histories
// that every later version has to replay. They contain only fake data, so they are not encrypted.

/** The events after which Temporal suggests continue-as-new: few, so that the cases stay short. */
const SUGGEST_CONTINUE_AS_NEW_AT = 60;
const MAX_RUNS = 10;

/** Names of cases to record. A recorded history never changes, so a new case is recorded alone. */
const wanted = process.argv.slice(2);

const root = projectRoot();
const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
  readonly version: string;
};
const world = await openWorld({ suggestContinueAsNewAt: SUGGEST_CONTINUE_AS_NEW_AT });
try {
  for (const one of CASES) {
    if (wanted.length === 0 || wanted.includes(one.name)) await record(one, world);
  }
} finally {
  await world.end();
}

async function record(one: Case, { client }: World): Promise<void> {
  const handle = await one.run(world);
  const runs = await readRuns(handle, (runId) => client.getHandle(handle.workflowId, runId));
  for (const [index, history] of runs.entries()) {
    const run = runs.length === 1 ? '' : `-run-${index + 1}`;
    const file = `${one.workflow}-${version}-${one.name}${run}.json`;
    await writeFile(join(root, 'test/replay/histories', file), formatHistory(history));
    process.stdout.write(`${file}: ${history.events?.length ?? 0} events\n`);
  }
}

/** Reads the histories of all runs of a workflow. The first run comes first. */
async function readRuns(
  last: WorkflowHandle,
  handleOf: (runId: string) => WorkflowHandle,
): Promise<readonly History[]> {
  const runs: History[] = [];
  let handle: WorkflowHandle | undefined = last;
  while (handle !== undefined && runs.length < MAX_RUNS) {
    const history: History = await handle.fetchHistory();
    runs.unshift(history);
    const started = history.events?.[0]?.workflowExecutionStartedEventAttributes;
    const before = started?.continuedExecutionRunId;
    handle = before ? handleOf(before) : undefined;
  }
  return runs;
}
