import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openInstallation } from '../support/installation.ts';
import { startWithLimit } from '../support/faults/open-files-faults.ts';

it('a runner that may open only 52 files does not start, and says how many it needs', async (t) => {
  const installation = await openInstallation();
  t.after(() => installation.close());
  const runner = startWithLimit(installation, 52);
  assert.equal(await runner.whenExit(60_000), 1);
  assert.match(
    runner.lines.at(-1) ?? '',
    /this process may open 52 files only, and needs at least 128; raise it: `ulimit -n`/,
  );
});
