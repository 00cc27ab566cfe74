import { after, before, describe, it } from 'node:test';
import { openFaultLab, type FaultLab } from '../support/faults/faults.ts';
import {
  CONTAINER_KILLED,
  CONTAINER_PAUSED,
  CONTAINER_REMOVED,
  OUT_OF_MEMORY,
} from '../support/faults/trials.ts';

// These tests are a short version of test/faults/docker.

describe('a job whose container is meddled with', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab({ dockerToml: '    memory = "64m"' });
  });
  after(() => lab.close());

  it('fails by the system when its container is killed from outside', () =>
    lab.run(CONTAINER_KILLED));

  it('fails by the system when its container is removed', () => lab.run(CONTAINER_REMOVED));

  it('comes to its end when its container is paused for a while', () => lab.run(CONTAINER_PAUSED));

  it('fails by its script when it has no memory left, and is told the limit', () =>
    lab.run(OUT_OF_MEMORY));
});
