import assert from 'node:assert/strict';
import { it } from 'node:test';
import { formatStageTable } from '../../../src/domain/build/stage-table.ts';

it('the table of stages separates its columns with spaces of its own', () => {
  const rows = [
    { name: 'get_sources', attempt: 2, startedMs: 0, endedMs: 1_500, end: 'succeeded' },
    { name: 'step_script', attempt: 1, startedMs: 2_000, endedMs: 3_000, end: 'x', exitCode: 3 },
    { name: 'after_script', attempt: 1, startedMs: 3_000 },
  ];
  assert.equal(
    formatStageTable(rows).replaceAll('\u00a0', '_'),
    `| stage___ | state___ | time___ | exit code___ | try |
|:--|:--|:--|:--|:--|
| get_sources___ | succeeded___ | 1.5 s___ | ___ | 2 |
| step_script___ | x___ | 1.0 s___ | 3___ | 1 |
| after_script___ | running___ | since 00:00:03 UTC___ | ___ | 1 |`,
  );
});
