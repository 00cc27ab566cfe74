import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createConfigActivities } from '../../../src/activities/job/config.ts';
import type { ConfigSource, Ports } from '../../../src/ports/index.ts';
import { FailureType, FinalError } from '../../../src/domain/failure.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { configOf, contextOf } from '../../domain/job/context-fixture.ts';

const GOOD = configOf([contextOf().runner], 4);

function activitiesWith(load: ConfigSource['load']) {
  const recording = recordingLog();
  const config: ConfigSource = { load, current: () => GOOD, runner: () => undefined };
  // Only these two ports are used.
  const ports = { config, log: recording.log } as Partial<Ports> as Ports;
  return { recording, activities: createConfigActivities(ports) };
}

describe('loadConfig', () => {
  it('gives workflows the settings that they need, and no secret', async () => {
    const { activities } = activitiesWith(() => Promise.resolve(GOOD));
    const settings = await activities.loadConfig();
    assert.equal(settings.checkIntervalMs, 3_000);
    assert.equal(settings.runners[0]?.key, contextOf().runner.key);
    assert.equal(JSON.stringify(settings).includes(contextOf().runner.token), false);
  });

  it('logs an invalid file, and gives the last valid settings', async () => {
    const fault = new FinalError(FailureType.InvalidConfig, 'config.toml:3:1: this is not TOML');
    const { activities, recording } = activitiesWith(() => Promise.reject(fault));
    assert.equal((await activities.loadConfig()).concurrent, 4);
    assert.deepEqual(recording.said, [
      {
        level: 'error',
        message: 'config not loaded, the last good one stays in force',
        fields: { error: fault },
      },
    ]);
  });

  it('does not hide a fault of another kind', async () => {
    const { activities } = activitiesWith(() => Promise.reject(new Error('a bug')));
    await assert.rejects(activities.loadConfig(), /a bug/);
  });
});
