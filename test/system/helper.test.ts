import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { followContainers, type ContainerEvents } from '../support/docker/container-events.ts';
import { dockerAt, isPodman } from '../support/docker/docker-at.ts';
import type { FakeJob } from '../support/fake-gitlab/types.ts';
import { openInstallation, type Installation } from '../support/installation.ts';
import { assertJob } from '../support/scenario.ts';

/** Leaves processes that only SIGKILL ends. One of them has its own session. */
const LEAVE_BEHIND = [
  "( trap '' TERM HUP INT; while :; do sleep 61; done ) &",
  'setsid sleep 62 &',
  'echo "left behind"',
];

describe('the helper', () => {
  let installation: Installation;
  let containers: ContainerEvents;
  let witness: string;
  let builds: string;
  before(async () => {
    witness = await mkdtemp(join(tmpdir(), 'tgr-witness-'));
    builds = join(witness, 'builds');
    await mkdir(builds);
    installation = await openInstallation({
      dockerToml: `    volumes = ["${witness}:/witness", "${builds}:/builds"]`,
    });
    containers = await followContainers();
    await installation.start();
  });
  after(async () => {
    containers.close();
    await installation.close();
    await rm(witness, { recursive: true, force: true });
  });

  /** Returns the programs that run in the helper now. */
  const programs = async ({ id }: FakeJob): Promise<readonly string[]> => {
    const docker = dockerAt(undefined);
    const all = await docker.listContainers();
    const helper = all.find(
      ({ Names, Labels }) =>
        Names[0]?.endsWith('-predefined') === true &&
        Labels['temporal-gitlab-runner.build']?.endsWith(`/${id}`) === true,
    );
    assert.ok(helper !== undefined, 'the helper does not run');
    // With arguments of `ps`, Podman would run the container's own `ps`.
    const columns = (await isPodman(docker)) ? 'pid,args' : '-eo pid,args';
    // The declared type is too narrow, because the columns depend on the arguments.
    const top = (await docker.getContainer(helper.Id).top({ ps_args: columns })) as {
      readonly Processes: readonly (readonly string[])[];
    };
    return top.Processes.map(([, args = '']) => args.split('\n')[0] ?? '');
  };

  it('is started once for all of its stages, and nothing of one is left when the next begins', async () => {
    const job = installation.gitlab.addJob({
      script: [
        'echo "script begun"',
        'until [ -e /witness/go ]; do sleep 0.1; done',
        'echo data > made.txt',
      ],
      variables: [{ key: 'KEY', value: 'content', file: true }],
      payload: {
        hooks: [{ name: 'pre_get_sources_script', script: LEAVE_BEHIND }],
        artifacts: [
          {
            paths: ['**/*.txt'],
            artifact_type: 'archive',
            artifact_format: 'zip',
            untracked: true,
          },
        ],
      },
    });
    await job.whenLog(/^script begun$/m);
    const running = await programs(job);
    await writeFile(join(witness, 'go'), '');
    await job.whenFinished();
    assertJob(job, { state: 'success', log: ['left behind', 'script begun'] });
    assert.equal(running.length, 1, running.join());
    // The helper starts once for sources, file names and clean-up, and the script's container once.
    assert.equal(containers.countStarts(job.id), 2);
    await installation.whenClean();
    assert.deepEqual(installation.gitlab.violations, []);
  });

  it('removes file variables from a directory of the host after GitLab has the result', async () => {
    const job = installation.gitlab.addJob({
      script: ['cat "$KEY"; echo', 'ls "$CI_PROJECT_DIR.tmp" >/witness/files'],
      variables: [{ key: 'KEY', value: 'content', file: true }],
    });
    await job.whenFinished();
    const said = /Cleaning up project directory and file based variables[^]*Job succeeded/;
    assertJob(job, { state: 'success', log: [/^content$/m, said] });
    await installation.whenClean();
    assert.match(await readFile(join(witness, 'files'), 'utf8'), /^KEY$/m);
    const all = await readdir(builds, { recursive: true });
    assert.ok(
      all.some((path) => path.endsWith('README.md')),
      all.join(),
    );
    const left = all.filter((path) => path.endsWith('/KEY'));
    assert.deepEqual(left, []);
  });
});
