import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import Docker from 'dockerode';
import { imageAfter } from '../support/docker/layered-image.ts';
import { describeScenarios, NO_GIT, type Expectation, type Scenario } from '../support/scenario.ts';
import { shareNode } from '../support/shared-node.ts';

const NONROOT_IMAGE = 'temporal-gitlab-runner/nonroot:local';
const host = mkdtempSync(join(tmpdir(), 'tgr-volumes-'));
const named = `tgr-test-${process.pid}`;
writeFileSync(join(host, 'of-the-host'), 'seen');
after(async () => {
  rmSync(host, { recursive: true, force: true });
  await new Docker()
    .getVolume(named)
    .remove()
    .catch(() => undefined);
});

/** An image with files in the project's directory. */
const STALE_IMAGE = `tgr-test-stale:${process.pid}`;
before(async () => {
  const id = await imageAfter(
    'mkdir -p /builds/group/project /kept && touch /builds/group/project/stale /kept/own',
  );
  await new Docker().getImage(id).tag({ repo: 'tgr-test-stale', tag: `${process.pid}` });
});
after(() => new Docker().getImage(STALE_IMAGE).remove({ force: true }));

interface Visit {
  readonly script: string;
  readonly image?: string;
  readonly payload?: Readonly<Record<string, unknown>>;
  /** Expected in the log of the job, which must succeed. */
  readonly log?: Expectation['log'];
}

/** Each scenario has its own project, because volumes belong to a project. */
let projects = 70_000;

/** Runs two jobs of one project, to show which files of the first job the second one finds. */
function visits(title: string, docker: string, [first, second]: readonly Visit[]): Scenario {
  projects += 1;
  const job_info = { project_id: projects };
  const visit = ({ script, image, payload, log }: Visit) => ({
    job: {
      ...(image !== undefined && { image }),
      script: [script],
      variables: [NO_GIT],
      payload: { job_info, ...payload },
    },
    expected: { state: 'success', ...(log !== undefined && { log }) } as const,
  });
  return {
    ...{ title, docker },
    ...visit(first ?? { script: 'true' }),
    ...(second !== undefined && { next: visit(second) }),
  };
}

function rejected(title: string, docker: string, message: string | RegExp): Scenario {
  return {
    ...{ title, docker },
    job: { script: ['echo never'], variables: [NO_GIT, { key: 'HOST_PATH', value: '/etc' }] },
    expected: {
      state: 'failed',
      failureReason: 'runner_configuration_error',
      log: [message],
      never: ['$ echo'],
    },
  };
}

const KEPT = /^kept$/m;
const OF_PROTECTED_REF = { git_info: { protected: true } };
const CACHE = '    volumes = ["/cache", "/data/$CI_PROJECT_NAME"]';
const OPEN_CACHE = '    volumes = ["/cache"]';

const PROJECT = { key: 'CI_PROJECT_PATH', value: 'group/project', public: true };

await shareNode(() => {
  describeScenarios('volumes', {}, [
    {
      title:
        'the project’s directory is empty despite files of the image; a cache volume starts with its files',
      docker: '    volumes = ["/kept"]',
      job: {
        image: STALE_IMAGE,
        script: ['pwd; ls -A . ; ls -A /kept'],
        variables: [NO_GIT, PROJECT],
      },
      expected: {
        state: 'success',
        log: [/^\/builds\/group\/project$/m, /^own$/m],
        never: ['\nstale'],
      },
    },
    visits('a cache volume is there for the next job of the project', CACHE, [
      { script: 'echo kept > /cache/file' },
      { script: 'cat /cache/file', log: [KEPT] },
    ]),
    visits('variables name a place in the container', CACHE, [
      { script: 'df "/data/$CI_PROJECT_NAME" && touch "/data/$CI_PROJECT_NAME/file"' },
      { script: 'test -e "/data/$CI_PROJECT_NAME/file"' },
    ]),
    visits('a job of a protected ref sees no cache of others', CACHE, [
      { script: 'echo poison > /cache/file' },
      { script: 'test ! -e /cache/file', payload: OF_PROTECTED_REF },
    ]),
    visits('jobs of protected refs share theirs', CACHE, [
      { script: 'echo kept > /cache/file', payload: OF_PROTECTED_REF },
      { script: 'cat /cache/file', payload: OF_PROTECTED_REF, log: [KEPT] },
    ]),
    visits('a user other than root can write into a cache volume', CACHE, [
      { script: 'test "$(id -u)" != 0 && echo kept > /cache/file', image: NONROOT_IMAGE },
      { script: 'cat /cache/file', log: [KEPT] },
    ]),
    visits(
      'disable_cache: the next job finds nothing, and nothing is left of it',
      `${OPEN_CACHE}\n    disable_cache = true`,
      [{ script: 'echo kept > /cache/file' }, { script: 'test ! -e /cache/file' }],
    ),
    visits(
      'cache_dir: the cache is a directory of the host',
      `${OPEN_CACHE}\n    cache_dir = "${host}/caches"`,
      [
        { script: 'echo kept > /cache/file' },
        { script: 'cat /cache/file; grep " /cache " /proc/mounts', log: [KEPT, / \/cache /] },
      ],
    ),
    visits(
      'cache_dir: a job of a protected ref has a directory of its own',
      `${OPEN_CACHE}\n    cache_dir = "${host}/caches"`,
      [
        { script: 'echo poison > /cache/file' },
        { script: 'test ! -e /cache/file', payload: OF_PROTECTED_REF },
      ],
    ),
    visits(
      'a directory of the host is seen, and not changed when it is ro',
      `    volumes = ["${host}:/host:ro"]`,
      [
        {
          script: 'cat /host/of-the-host; touch /host/new 2>&1 || true',
          log: ['seen', /[Rr]ead-only/],
        },
      ],
    ),
    visits('a volume with a name is kept as it is', `    volumes = ["${named}:/data"]`, [
      { script: 'echo kept > /data/file' },
      { script: 'cat /data/file', log: [KEPT] },
    ]),
    visits(
      'a builds directory of the host is shared by all',
      `    volumes = ["${host}/builds:/builds"]`,
      [
        { script: 'pwd; echo kept > ../file', log: [/^\/builds\/\S+$/m] },
        { script: 'cat ../file', log: [KEPT] },
      ],
    ),
  ]);

  describeScenarios('invalid volumes', {}, [
    rejected(
      'the root of the container',
      '    volumes = ["/"]',
      'leads to the root of the container',
    ),
    rejected(
      'a path twice',
      '    volumes = ["/cache", "/data:/cache/"]',
      'volume for container path "/cache" is already defined',
    ),
    rejected(
      'a path that is not absolute',
      '    volumes = ["cache"]',
      'invalid volume specification "cache"',
    ),
    rejected(
      'a source with a variable: a job must not choose what of the host it sees',
      '    volumes = ["$HOST_PATH:/host"]',
      // Podman answers 500.
      /create container .*answered (400|500): .*\$HOST_PATH/,
    ),
  ]);
});
