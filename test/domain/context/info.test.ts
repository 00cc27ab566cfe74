import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RUNNER_FEATURES } from '../../../src/domain/runner/features.ts';
import { runnerInfo, userAgent } from '../../../src/domain/context/info.ts';

const PROGRAM = {
  ...{ name: 'tgr', version: '1.2.3', revision: 'abc', platform: 'linux/arm64', hostname: 'box' },
};

describe('info', () => {
  it('has platform and architecture in separate fields, and never the host', () => {
    assert.deepEqual(runnerInfo(PROGRAM, 'docker'), {
      ...{ name: 'tgr', version: '19.4.0', revision: 'abc', platform: 'linux' },
      ...{ architecture: 'arm64', executor: 'docker', shell: 'bash' },
      features: RUNNER_FEATURES,
      config: { gpus: '' },
    });
  });

  it('leaves out executor and shell while none is chosen', () => {
    const info = runnerInfo(PROGRAM);
    assert.deepEqual(['executor' in info, 'shell' in info], [false, false]);
  });

  it('makes the user agent', () => {
    assert.equal(userAgent(PROGRAM, 'node20'), 'tgr 1.2.3 (abc; node20; linux/arm64)');
  });
});

describe('features', () => {
  it('are complete, as in gitlab-runner 19.4', () => {
    assert.equal(Object.keys(RUNNER_FEATURES).length, 31);
  });

  it('include those that traces, cancels and acknowledgements need', () => {
    for (const feature of [
      ...['trace_reset', 'trace_checksum', 'trace_size', 'cancelable', 'cancel_gracefully'],
      ...['return_exit_code', 'refspecs', 'masking', 'raw_variables', 'two_phase_job_commit'],
    ]) {
      assert.equal((RUNNER_FEATURES as Record<string, boolean>)[feature], true, feature);
    }
  });
});
