import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatStatus, toJson, type FoundNode } from '../../src/commands/status-text.ts';
import type { NodeStatus } from '../../src/domain/metrics/node-status.ts';
import type { FleetState } from '../../src/domain/runner/fleet.ts';

const NOW_MS = 1_000_000;
const view = { paint: (_: unknown, text: string) => text, nowMs: NOW_MS };

const runner = {
  ...{ key: 'k', name: 'one', running: 1, waiting: 3, requests: 1 },
  queue: { count: 20, medianSeconds: 1.234, p95Seconds: 61 },
  pickup: { count: 20, medianSeconds: 0.25, p95Seconds: 300 },
  lastContact: { secondsAgo: 2, status: 204, isServed: true, words: '204, no job' },
};
const status: NodeStatus = {
  ...{ version: '1.2.3', pid: 7, state: 'running', uptimeSeconds: 7_500, isReady: true },
  temporal: { address: '127.0.0.1:7233', namespace: 'default', ui: 'http://127.0.0.1:8233' },
  slots: { concurrent: 4, builds: 1, requests: 1, free: 2 },
  checks: [{ name: 'docker', isOk: true, reason: 'answers' }],
  runners: [runner],
};
const limits = { unhealthyRequestsLimit: 3, unhealthyIntervalMs: 3_600_000 };
const fleet: FleetState = {
  settings: {
    ...{ checkIntervalMs: 3_000, concurrent: 4 },
    runners: [{ key: 'k', name: 'one', limit: 0, requestConcurrency: 1, ...limits }],
  },
  ...{ health: {}, paused: [], isDraining: false },
};
const found: FoundNode = { node: 'node-1', status, fleet, others: [] };

describe('what `status` says', () => {
  it('is slots, waits and GitLab’s last answer of each runner, and that nothing is wrong', () => {
    assert.equal(
      formatStatus(found, view),
      `node      node-1 · running for 2 h 5 min · version 1.2.3 · pid 7
Temporal  127.0.0.1:7233, namespace default
UI        http://127.0.0.1:8233
slots     1 of 4 used by builds, 1 by requests for jobs, 2 free

RUNNER  STATE          RUNNING  WAITING  IN QUEUE         PICK-UP         GITLAB
one     asks for jobs  1        3        1.23 s / 61.0 s  0.25 s / 5 min  204, no job, 2 s ago
IN QUEUE and PICK-UP: median / 95 % of the last 200 jobs. WAITING: as GitLab said.

nothing is wrong
`,
    );
  });

  const check = (name: 'config' | 'temporal' | 'docker' | 'disk', reason: string) => ({
    ...found,
    status: { ...status, checks: [{ name, isOk: false, reason }] },
  });
  const refused = { k: { failures: 3, lastHealthyMs: NOW_MS } };
  const troubles: [why: string, found: FoundNode, expected: RegExp][] = [
    [
      'a config that is broken',
      check('config', 'cannot be used'),
      /✗ config\.toml: cannot be used/,
    ],
    ['Temporal away', check('temporal', 'does not answer'), /✗ Temporal: does not answer/],
    [
      'Docker away',
      check('docker', 'does not answer for one'),
      /✗ Docker: does not answer for one/,
    ],
    ['a full disk', check('disk', 'the disk is full'), /✗ this machine: the disk is full/],
    [
      'a node that ends',
      { ...found, status: { ...status, state: 'graceful-shutdown' } },
      /graceful-shutdown for .*✗ process: it takes no new jobs/s,
    ],
    [
      'a drained node',
      { ...found, fleet: { ...fleet, isDraining: true } },
      /^one +drained .*✗ drained: no job is asked for until `resume`/ms,
    ],
    [
      'a paused runner',
      { ...found, fleet: { ...fleet, paused: ['k'] } },
      /^one +paused .*✗ paused: one, until `resume`/ms,
    ],
    [
      'a refused runner',
      { ...found, fleet: { ...fleet, health: refused } },
      /^one +refused by GitLab /m,
    ],
    [
      'a fleet that does not answer',
      { ...found, fleet: undefined },
      /^one +not known .*✗ not known whether the node is drained/ms,
    ],
    [
      'a runner that was never asked for',
      {
        ...found,
        status: { ...status, runners: [{ ...runner, lastContact: undefined, waiting: undefined }] },
      },
      /^one .* \? .* not asked yet$/m,
    ],
    [
      'no worker',
      { why: 'no worker runs with this state directory: /s', others: [] },
      /^not running: no worker runs with this state directory: \/s\n$/,
    ],
    [
      'names that would control the terminal',
      {
        ...found,
        status: { ...status, runners: [{ ...runner, name: 'a\u001b]0;x\u0007b\u202e' }] },
      },
      /^a \]0;x b {2} +asks/m,
    ],
    [
      'another node',
      { ...found, others: [{ node: 'node-2', builds: 3, fleet: { ...fleet, isDraining: true } }] },
      /^OTHER NODE +STATE +RUNNING +RUNNERS\nnode-2 +drained +3 +one$/m,
    ],
  ];
  for (const [why, given, expected] of troubles) {
    it(`tells ${why}`, () => assert.match(formatStatus(given, view), expected));
  }

  it('is the same facts for scripts', () => {
    const given = { ...found, others: [{ node: 'node-2', builds: 0, fleet: undefined }] };
    const document = toJson(given, NOW_MS) as Record<string, unknown>;
    assert.deepEqual(JSON.parse(JSON.stringify(document)), {
      ...{ ...status, node: 'node-1', isRunning: true, isDraining: false },
      runners: [{ ...runner, state: 'asks for jobs' }],
      others: [{ node: 'node-2', builds: 0, state: 'does not answer' }],
    });
    const away = toJson({ why: 'no worker', others: [] }, NOW_MS);
    assert.deepEqual(JSON.parse(JSON.stringify(away)), {
      ...{ isRunning: false, why: 'no worker', others: [] },
    });
  });
});
