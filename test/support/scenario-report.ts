import { appendFileSync } from 'node:fs';
import type { JobSpec } from './fake-gitlab/types.ts';
import type { Scenario } from './scenario.ts';

/**
 * Adds a scenario that has run to the file that TGR_SCENARIO_REPORT names. `npm run test:system`
 * makes a list for people from this file: see scripts/lib/scenario-list.mjs.
 */
export function reportScenario(
  group: string,
  { scenario, job, isGood }: { scenario: Scenario; job: JobSpec | undefined; isGood: boolean },
): void {
  const file = process.env['TGR_SCENARIO_REPORT'];
  if (file === undefined) return;
  const { title, docker, expected, next } = scenario;
  const row = { group, title, isGood, docker, job, expected, next };
  appendFileSync(file, `${JSON.stringify(row, showPatterns)}\n`);
}

/**
 * Replaces regular expressions, because JSON does not have them, and archives, because people
 * cannot read them.
 */
function showPatterns(key: string, value: unknown): unknown {
  if (value instanceof RegExp) return `${value}`;
  return key === 'archive' ? undefined : value;
}
