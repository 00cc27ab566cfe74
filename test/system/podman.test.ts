import { after, describe, it } from 'node:test';
import type { OtherDaemon } from '../support/installation.ts';
import { copyImages } from '../support/docker/second-daemon.ts';
import { openPodman, whyNoPodman } from '../support/podman.ts';
import { simulatePodman, whyNoSimulation } from '../support/podman-simulator.ts';
import { describeScenarios, NO_GIT, type Scenario } from '../support/scenario.ts';
import { cacheOf, filled, found, FOUND } from '../support/cache-jobs.ts';
import type { JobSpec } from '../support/fake-gitlab/types.ts';
import { jobWith } from '../support/upload-jobs.ts';

// These jobs run on Podman: everywhere on a simulated one, and on Debian's where it can be
// installed.

const OWN_NETWORK = { key: 'FF_NETWORK_PER_BUILD', value: 'true' };

function withImage(image: object): JobSpec {
  return { variables: [NO_GIT], script: ['echo script-ran'], payload: { image } };
}

/** This is far less than the five minutes during which a start is tried again. */
const AT_ONCE_MS = 60_000;

function refusedAtOnce(
  cases: readonly (readonly [what: string, image: object, words: RegExp])[],
): readonly Scenario[] {
  return cases.map(([what, image, words]) => ({
    title: `${what} that the image lacks fails the job at once`,
    job: withImage({ name: '', ...image }),
    meanwhile: async (job) => {
      await job.whenFinished(AT_ONCE_MS);
    },
    expected: {
      state: 'failed',
      failureReason: 'runner_system_failure',
      log: [words],
      never: ['\nscript-ran\n', 'it is tried again'],
    },
  }));
}

const CACHE = '    volumes = ["/cache"]\n';

const scenarios: readonly Scenario[] = [
  {
    title: 'a job with sources runs, in a network of its own',
    job: { variables: [OWN_NETWORK], script: ['test -e .git/HEAD', 'echo ran'] },
    expected: { state: 'success', log: ['Getting source', /^ran$/m, 'Job succeeded'] },
  },
  {
    title: 'the exit code of the script is told',
    job: { variables: [NO_GIT], script: ['exit 3'] },
    expected: { state: 'failed', failureReason: 'script_failure', exitCode: 3 },
  },
  {
    title: 'an entrypoint that drops its command has the script on its stdin',
    job: withImage({ name: '', entrypoint: ['sh', '-c', 'echo hello; exec sh', 'sh'] }),
    // The output of the entrypoint and the output of the script may come in either order.
    expected: { state: 'success', log: [/^(hello|script-ran)$[^]*^(hello|script-ran)$/m] },
  },
  ...refusedAtOnce([
    ['an entrypoint by a path', { entrypoint: ['/no/such/program'] }, /no such file or directory/],
    ['an entrypoint by a name', { entrypoint: ['no-such-shell'] }, /executable file not found/],
    [
      'a user, with an entrypoint,',
      {
        entrypoint: ['sh', '-c', 'exec sh', 'sh'],
        executor_opts: { docker: { user: 'nobody-here' } },
      },
      /unable to find user nobody-here/,
    ],
    [
      'a user',
      { executor_opts: { docker: { user: 'nobody-here' } } },
      /unable to find user nobody-here/,
    ],
  ]),
  {
    title: 'a cache outlives the end of its job',
    ...filled(cacheOf('podman')),
    next: found(cacheOf('podman'), FOUND),
  },
  {
    title: 'links and names like patterns are uploaded as what they are',
    job: jobWith({
      script: [
        'mkdir real; echo a > real/a; ln -s real to-real; ln -s nowhere dangling',
        "echo b > 'b[1]'; echo wrong > b1",
      ],
      artifacts: [{ paths: ['to-real', 'dangling', 'b\\[1\\]'] }],
    }),
    expected: {
      state: 'success',
      artifacts: [
        {
          filename: 'artifacts.zip',
          holds: { 'b[1]': 'b\n', dangling: '-> nowhere', 'to-real': '-> real' },
        },
      ],
    },
  },
];

const whyNot = await whyNoSimulation();
if (whyNot === undefined) {
  const simulated = await simulatePodman();
  after(() => simulated.close());
  describeScenarios(
    'on a simulated Podman',
    { concurrent: 1, dockerToml: `    host = "${simulated.host}"\n${CACHE}` },
    scenarios,
  );
} else {
  skipped('on a simulated Podman', whyNot);
}

const reason = whyNoPodman();
if (reason === undefined) {
  const podman = await openPodman();
  after(() => podman.close());
  await copyImages(podman.host);
  const daemon: OtherDaemon = { ...podman, networkMode: '' };
  describeScenarios(
    `on Podman ${podman.version}`,
    { concurrent: 1, daemon, dockerToml: CACHE },
    scenarios,
  );
} else {
  skipped('on Podman', reason);
}

function skipped(title: string, why: string): void {
  void describe(title, () => {
    void it('runs jobs', { skip: why }, () => undefined);
  });
}
