import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { METRICS } from '../../src/domain/metrics/metric-table.ts';
import { projectRoot } from '../support/project-root.ts';

const PROJECT_ROOT = projectRoot();
const ALERTS = join(PROJECT_ROOT, 'deploy', 'prometheus-alerts.yml');
const DASHBOARD = join(PROJECT_ROOT, 'deploy', 'grafana-dashboard.json');

for (const file of [ALERTS, DASHBOARD]) {
  it(`${file.slice(PROJECT_ROOT.length)} asks only for metrics that there are`, () => {
    const text = readFileSync(file, 'utf8');
    const asked = text.match(/\b(?:temporal_)?gitlab_runner_[a-z_]+\b/g) ?? [];
    const known = new Set(
      Object.entries(METRICS).flatMap(([name, { kind }]) =>
        kind === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
      ),
    );
    assert.ok(asked.length > 5);
    assert.deepEqual(
      asked.filter((name) => !known.has(name)),
      [],
    );
  });
}

/** Debian's package `prometheus` contains this program. TGR_TEST_PROMTOOL names one elsewhere. */
const PROMTOOL = process.env['TGR_TEST_PROMTOOL'] ?? 'promtool';

function isThere(): boolean {
  try {
    execFileSync(PROMTOOL, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const skip = isThere() ? false : `no ${PROMTOOL} here: install Debian’s package prometheus`;

it('promtool takes the alert rules', { skip }, () => {
  execFileSync(PROMTOOL, ['check', 'rules', ALERTS], { stdio: 'pipe' });
});

it('promtool takes the queries of the dashboard', { skip }, () => {
  const dashboard = JSON.parse(readFileSync(DASHBOARD, 'utf8')) as {
    panels: { title: string; targets: { expr: string }[] }[];
  };
  const rules = dashboard.panels.flatMap(({ title, targets }) =>
    targets.map(({ expr }) => ({
      alert: title,
      expr: expr.replaceAll('$instance', '.*'),
    })),
  );
  callPromtool(['check', 'rules'], { groups: [{ name: 'dashboard', rules }] });
});

/** Calls promtool with a file that has this content. */
function callPromtool(command: readonly string[], content: unknown): void {
  const directory = mkdtempSync(join(tmpdir(), 'tgr-rules-'));
  try {
    const file = join(directory, 'file.yml');
    // JSON is also YAML.
    writeFileSync(file, JSON.stringify(content));
    execFileSync(PROMTOOL, [...command, file], { stdio: 'pipe' });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe('RunnerHearsNothingOfGitLab', { skip }, () => {
  /** A node with two slots and one runner, which GitLab has last answered at 0 seconds. */
  const SILENT = {
    'temporal_gitlab_runner_last_contact_timestamp_seconds{instance="n",runner="r"}': 0,
    'gitlab_runner_limit{instance="n",runner="r"}': 0,
    'gitlab_runner_jobs{instance="n",runner="r",state="idle"}': 0,
    'gitlab_runner_worker_slots_number{instance="n"}': 2,
    'temporal_gitlab_runner_slots{instance="n",use="builds"}': 0,
    'temporal_gitlab_runner_slots{instance="n",use="requests"}': 0,
    'temporal_gitlab_runner_slots{instance="n",use="free"}': 2,
  };
  const JOB = 'gitlab_runner_jobs{instance="n",runner="r",state="running"}';
  const NEVER_ANSWERED = {
    'temporal_gitlab_runner_last_contact_timestamp_seconds{instance="n",runner="r"}': undefined,
  };
  const FULL = {
    'temporal_gitlab_runner_slots{instance="n",use="builds"}': 2,
    'temporal_gitlab_runner_slots{instance="n",use="free"}': 0,
    [JOB]: 2,
  };
  const cases: [
    change: Readonly<Record<string, number | undefined>>,
    fires: boolean,
    why: string,
  ][] = [
    [{}, true, 'GitLab has not answered for long'],
    [NEVER_ANSWERED, true, 'GitLab has never answered'],
    [
      {
        'temporal_gitlab_runner_slots{instance="n",use="builds"}': 1,
        'temporal_gitlab_runner_slots{instance="n",use="requests"}': 1,
        'temporal_gitlab_runner_slots{instance="n",use="free"}': 0,
        [JOB]: 1,
      },
      true,
      'the last slot is that of a request',
    ],
    [FULL, false, 'builds have all slots'],
    [{ ...FULL, ...NEVER_ANSWERED }, false, 'builds have had all slots since the start'],
    [
      { 'gitlab_runner_limit{instance="n",runner="r"}': 1, [JOB]: 1 },
      false,
      'the runner is at its limit',
    ],
    [
      { 'gitlab_runner_limit{instance="n",runner="r"}': 2, [JOB]: 1 },
      true,
      'the runner is below its limit',
    ],
    [
      { 'temporal_gitlab_runner_intake_paused{instance="n",reason="drained"}': 1 },
      false,
      'the node is drained',
    ],
  ];
  for (const [change, fires, why] of cases) {
    it(`${fires ? 'fires' : 'does not fire'}: ${why}`, () => {
      const values = Object.entries({ ...SILENT, ...change }).filter(
        ([, value]) => value !== undefined,
      );
      const test = {
        interval: '1m',
        input_series: values.map(([series, value]) => ({ series, values: `${value}x30` })),
        promql_expr_test: [
          {
            expr: 'count(ALERTS{alertname="RunnerHearsNothingOfGitLab",alertstate="firing"})',
            eval_time: '30m',
            exp_samples: fires ? [{ labels: '{}', value: 1 }] : [],
          },
        ],
      };
      const files = { rule_files: [ALERTS], evaluation_interval: '1m' };
      callPromtool(['test', 'rules'], { ...files, tests: [test] });
    });
  }
});
