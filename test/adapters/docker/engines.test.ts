import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createContainerEngines } from '../../../src/adapters/docker/engines.ts';
import type { RunnerConfig } from '../../../src/domain/runner/config.ts';
import { silentLog } from './support.ts';

/** An engine uses only the daemon's address of a runner. */
const runnerOf = (host: string): RunnerConfig =>
  ({ docker: { host, tlsCertPath: undefined, tlsVerify: false } }) as RunnerConfig;

void test('runners of one daemon share its engine, and others have their own', () => {
  const engineOf = createContainerEngines({ env: {}, log: silentLog, installation: 'x' });
  assert.equal(engineOf(runnerOf('unix:///a')), engineOf(runnerOf('unix:///a')));
  assert.notEqual(engineOf(runnerOf('unix:///a')), engineOf(runnerOf('unix:///b')));
});
