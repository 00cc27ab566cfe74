import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { contextOf } from '../domain/job/context-fixture.ts';
import { runActivity } from './support/drive.ts';
import { prepared } from './support/prepared-stage.ts';
import { until } from './support/world.ts';

describe('a stop of the job’s container', () => {
  const { runner } = contextOf();
  const cases: readonly [pidMode: string, how: string, why: string][] = [
    ['', 'graceful', 'all processes that it sees are its own'],
    ['host', 'plain', 'it sees the processes of the host'],
    ['container:x', 'plain', 'it sees the processes of another container'],
  ];
  for (const [pidMode, expected, why] of cases) {
    it(`is ${expected} with pid_mode "${pidMode}": ${why}`, async () => {
      const hows: string[] = [];
      const { world, node, build, run } = await prepared(
        { 'build#1': { isEndless: true } },
        {
          changes: { runner: { docker: { ...runner.docker, pidMode } } },
          engine: {
            stopContainer: (name, how) => {
              hows.push(how);
              const stopped = [...world.docker.containers.values()].find(
                ({ spec }) => spec.name === name,
              );
              assert.ok(stopped !== undefined);
              stopped.status = { ...stopped.status, state: 'exited', exitCode: 137 };
              return Promise.resolve();
            },
          },
        },
      );
      const running = run();
      await until(() => world.disk.files.build.state !== '');
      await runActivity(() => node.stopStage(build, { how: 'graceful', reason: 'canceled' }));
      assert.deepEqual([await running, hows], [{ kind: 'stopped' }, [expected]]);
    });
  }
});
