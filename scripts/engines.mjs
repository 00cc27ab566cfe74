import { existsSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { atEnd } from './lib/at-end.mjs';
import { ensureBuilt } from './lib/build.mjs';
import { runTests, TESTS_AT_ONCE } from './lib/checks.mjs';
import { openDocker } from './lib/docker-engine.mjs';
import { describeEngine } from './lib/engine-facts.mjs';
import { readCounts, writeEngineRow } from './lib/engine-table.mjs';
import { describeMachine } from './lib/fault-report.mjs';
import { ROOT } from './lib/paths.mjs';
import { readRevision } from './lib/revision.mjs';
import { main, say, SetUpError } from './lib/say.mjs';
import { setUpForSystem, setUpShared } from './lib/set-up.mjs';

/**
 * The default suites: the system tests, which include some forty faults (`system/faults`,
 * `system/faults-docker` and others).
 */
const SUITES = 'system';

/**
 * `npm run engines -- --docker-host unix:///…` runs the system suite and the short faults on that
 * engine, and writes a row of docs/engines.md about it. `--suites system/scripts,system/caches`
 * runs only these folders or files of `test`. The engine belongs to the user, so this neither
 * starts nor stops it.
 */
await main(async () => {
  const { values } = parseArgs({
    options: {
      'docker-host': { type: 'string' },
      suites: { type: 'string', default: SUITES },
      concurrency: { type: 'string', default: String(TESTS_AT_ONCE) },
    },
  });
  const host = checkHost(values['docker-host']);
  // The scripts, the tests and the runners that they start use this variable.
  process.env.DOCKER_HOST = host;
  const suites = values.suites.split(',').filter((suite) => suite !== '');
  await ensureBuilt();
  const engine = await describeEngine();
  say(`${engine.name}: API ${engine.api}, ${engine.storage}, ${engine.cgroup}, ${engine.runtime}`);
  const env = { ...(await setUpShared()), ...(await setUpForSystem()) };
  await holdBridge(env.TGR_TEST_HELPER_IMAGE);
  const { failures, counts } = await runSuites(suites, { env, concurrency: values.concurrency });
  writeEngineRow({
    ...{ engine, counts, suites, machine: await describeMachine(), revision: readRevision() },
    date: new Date().toISOString().slice(0, 10),
    command: `npm run engines -- --docker-host unix://…${suites.join() === SUITES ? '' : ` --suites ${suites.join()}`}`,
  });
  for (const failure of failures) say(`\nfailed: ${failure}`);
  say(`\n${engine.name}: ${counts.passed} passed, ${counts.failed.length} failed`);
  return failures.length === 0 ? 0 : 1;
});

/**
 * Keeps Podman's usual network. Podman removes it with the last attached container, and the fake
 * GitLab would then have no address for the next one.
 */
async function holdBridge(image) {
  const docker = await openDocker();
  const container = await docker.createContainer({
    ...{ Image: image, Cmd: ['sleep', 'infinity'], Entrypoint: [] },
    HostConfig: { NetworkMode: 'bridge' },
  });
  atEnd(() => container.remove({ force: true }));
  await container.start();
}

/**
 * Checks that the engine is on this machine. Files of jobs are bind mounts of this machine, which
 * an engine elsewhere could not see.
 */
function checkHost(host) {
  if (host?.startsWith('unix://') === true) return host;
  throw new SetUpError(
    `--docker-host ${host ?? ''}: expected the socket of an engine on this machine, as unix:///run/docker.sock`,
  );
}

/** Returns the pattern for a folder of tests, or for one file of them. */
function toPattern(suite) {
  const file = `${suite}.test.js`;
  return existsSync(join(ROOT, 'dist/test', file)) ? file : suite;
}

async function runSuites(suites, { env, concurrency }) {
  const results = join(tmpdir(), `tgr-engines-${process.pid}.jsonl`);
  try {
    const failures = await runTests(`${suites.join(', ')} on this engine`, suites.map(toPattern), {
      ...{ env, concurrency, results },
    });
    return { failures, counts: readCounts(results) };
  } finally {
    rmSync(results, { force: true });
  }
}
