import assert from 'node:assert/strict';
import { test } from 'node:test';
import { engineFor, inspection, PATIENT } from './fake-daemon.ts';

const words = [
  ['created', 'created', 'Docker and Podman'],
  ['configured', 'created', 'Podman: made'],
  ['initialized', 'created', 'Podman: made, and its processes prepared'],
  ['running', 'running', 'Docker and Podman'],
  ['stopping', 'running', 'Podman: asked to end'],
  ['stopped', 'exited', 'Podman: has ended, not tidied up yet'],
  ['exited', 'exited', 'Docker and Podman'],
  ['paused', 'paused', 'Docker and Podman'],
  ['removing', 'removing', 'Docker and Podman'],
  ['restarting', 'restarting', 'Docker'],
  ['dead', 'dead', 'Docker'],
] as const;
for (const [word, expected, why] of words) {
  void test(`a container that is "${word}" is ${expected}. ${why}`, async (t) => {
    const engine = await engineFor(t, (_, response) => response.end(inspection(word, 3)), {
      timing: PATIENT,
    });
    const status = await engine.inspectContainer('x');
    assert.deepEqual([status?.state, status?.exitCode], [expected, 3]);
  });
}

void test('an unknown state is a transient fault that names it', async (t) => {
  const engine = await engineFor(t, (_, response) => response.end(inspection('hibernating')), {
    timing: PATIENT,
  });
  await assert.rejects(engine.inspectContainer('x'), {
    name: 'TransientError',
    message: /container "x" is in a state that this runner does not know, "hibernating"/,
  });
});

void test('a wait continues through short-lived states, known or not, until the exit code', async (t) => {
  const states = ['running', 'hibernating', 'stopping'];
  const engine = await engineFor(
    t,
    ({ url = '' }, response) => {
      const isInspection = url.split('?', 1)[0]?.endsWith('/json') === true;
      response.end(isInspection ? inspection(states.shift() ?? 'stopped', 3) : '{"StatusCode":0}');
    },
    { timing: { ...PATIENT, reconnectDelayMs: () => 1 } },
  );
  const status = await engine.waitForExit('x', new AbortController().signal);
  assert.deepEqual([status.state, status.exitCode], ['exited', 3]);
});
