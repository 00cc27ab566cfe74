import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
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
  const directory = mkdtempSync(join(tmpdir(), 'tgr-rules-'));
  try {
    const file = join(directory, 'dashboard.yml');
    // JSON is also YAML.
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
    execFileSync(PROMTOOL, ['check', 'rules', file], { stdio: 'pipe' });
  } finally {
    rmSync(directory, { recursive: true });
  }
});
