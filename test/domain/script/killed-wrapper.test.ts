import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { COPIER_KILLED } from '../../../src/domain/script/stage-state.ts';
import { shellOptions, wrapStage } from '../../../src/domain/script/wrapper.ts';
import { noProcessIds, OWN_PROCESS_IDS } from './support/own-process-ids.ts';
import { describeForShells, NONCE, openWorkplace, type Workplace } from './support/stage-runs.ts';

describeForShells('a wrapped stage as the first process', 'all', (shell) => {
  let place: Workplace;
  before(() => {
    place = openWorkplace();
  });
  after(() => place.remove());

  /** Has a process group of its own, because a signal to the group must spare these tests. */
  const first = { ...shell, argv: [...OWN_PROCESS_IDS, 'setsid', ...shell.argv] as const };
  const run = (script: string) => {
    const body = [...shellOptions(), script, ''].join('\n');
    const paths = { output: place.outputPath, state: place.statePath };
    return place.runText(first, wrapStage(body, { paths, nonce: NONCE, maxOutputBytes: 1e6 }));
  };

  for (const target of ['-1', '0']) {
    it(`records its end after "kill -9 ${target}", and that the log may be cut`, async (t) => {
      if (noProcessIds !== false) {
        t.skip(noProcessIds);
        return;
      }
      const { exitCode, state } = await run(`kill -9 ${target}; sleep 5`);
      assert.deepEqual([exitCode, state], [137, { exitCode: 137, copierExitCode: COPIER_KILLED }]);
    });
  }

  for (const [signal, code] of [
    ['INT', 130],
    ['HUP', 129],
  ] as const) {
    it(`has all output after ${signal} to its process group`, async (t) => {
      if (noProcessIds !== false) {
        t.skip(noProcessIds);
        return;
      }
      const { exitCode, state, output } = await run(`seq 1 20000; kill -${signal} 0; sleep 5`);
      assert.deepEqual([exitCode, state], [code, { exitCode: code }]);
      assert.match(output, /\n20000\n/);
    });
  }
});
