import assert from 'node:assert/strict';
import { it } from 'node:test';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import { openProcess } from '../support/process.ts';
import { createWorld } from '../support/world.ts';

it('a line about a command is in the trace once, and not at all when GitLab has the whole trace', async () => {
  const context = contextOf();
  const { buildId } = context;
  const world = createWorld(context, { keeps: 'everything' });
  const { node } = openProcess(world).activities;
  await runActivity(() => node.acknowledgeJob({ buildId }));
  const write = (key: string, text: string): Promise<void> =>
    runActivity(() => node.writeNotice({ buildId }, { key, text }));
  await write('1', 'Hold by alice');
  await write('1', 'Hold by alice');
  await write('2', 'Release by bob');
  await runActivity(() => node.reportResult({ buildId }, { state: 'success' }));
  await write('3', 'too late');
  const lines = world.gitlab.trace.split('\n').filter((line) => /alice|bob|late/.test(line));
  assert.deepEqual(lines, [
    '\u001b[32;1mHold by alice\u001b[0;m',
    '\u001b[32;1mRelease by bob\u001b[0;m',
  ]);
});
