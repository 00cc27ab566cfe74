import { after, before, describe } from 'node:test';
import {
  ANSWERS_500,
  answersLate,
  LOSES_ANSWER,
  meetCalls,
  type Calls,
  type Treatment,
} from '../support/faults/docker-answer-faults.ts';
import { startDockerProxy, type DockerProxy } from '../support/docker/docker-proxy.ts';
import { openFaultLab, type FaultLab } from '../support/faults/faults.ts';
import { it } from '../support/faults/fault-report.ts';

const CONTAINER = '^/containers/[^/]+';
const CALLS: readonly (readonly [calls: Calls, treatments: readonly Treatment[]])[] = [
  [
    { name: 'create a container', method: 'POST', path: /^\/containers\/create$/ },
    [ANSWERS_500, LOSES_ANSWER, answersLate(30_000)],
  ],
  [
    { name: 'create a network', method: 'POST', path: /^\/networks\/create$/ },
    [ANSWERS_500, LOSES_ANSWER],
  ],
  [
    {
      ...{ name: 'create a volume', method: 'POST', path: /^\/volumes\/create$/ },
      sideBySide: 2,
    },
    [ANSWERS_500, LOSES_ANSWER],
  ],
  [
    { name: 'inspect an image', method: 'GET', path: /^\/images\/.+\/json$/ },
    [ANSWERS_500, LOSES_ANSWER],
  ],
  [
    { name: 'put files into a container', method: 'PUT', path: RegExp(`${CONTAINER}/archive$`) },
    [ANSWERS_500, LOSES_ANSWER],
  ],
  [
    { name: 'start a container', method: 'POST', path: RegExp(`${CONTAINER}/start$`) },
    [ANSWERS_500, LOSES_ANSWER, answersLate(10_000)],
  ],
  [
    { name: 'wait for a container', method: 'POST', path: RegExp(`${CONTAINER}/wait$`) },
    [ANSWERS_500, LOSES_ANSWER],
  ],
  [
    { name: 'inspect a container', method: 'GET', path: RegExp(`${CONTAINER}/json$`) },
    [ANSWERS_500, LOSES_ANSWER],
  ],
  [
    { name: 'tell what a container has said', method: 'GET', path: RegExp(`${CONTAINER}/logs$`) },
    [ANSWERS_500, LOSES_ANSWER],
  ],
  [
    { name: 'list containers', method: 'GET', path: /^\/containers\/json$/ },
    [ANSWERS_500, LOSES_ANSWER],
  ],
  [
    { name: 'remove a container', method: 'DELETE', path: RegExp(`${CONTAINER}$`) },
    [ANSWERS_500, LOSES_ANSWER, answersLate(10_000)],
  ],
  [
    { name: 'remove a network', method: 'DELETE', path: /^\/networks\/[^/]+$/ },
    [ANSWERS_500, LOSES_ANSWER],
  ],
];

describe('Docker, asked', () => {
  let proxy: DockerProxy;
  let lab: FaultLab;
  before(async () => {
    proxy = await startDockerProxy();
    lab = await openFaultLab({
      // Without all capabilities, no container creates the directories that the node then creates.
      dockerToml: `    host = "${proxy.host}"\n    cap_drop = ["AUDIT_WRITE"]`,
      runnerToml: '  limit = 1\n  environment = ["FF_NETWORK_PER_BUILD=true"]',
    });
  });
  after(async () => {
    await lab.close();
    await proxy.close();
  });

  for (const [calls, treatments] of CALLS) {
    for (const treatment of treatments) {
      it(`to ${calls.name}, ${treatment.name}: the job ends as usual`, () =>
        lab.run({ moment: 'acknowledged', fault: meetCalls(proxy, calls, treatment) }));
    }
  }
});
