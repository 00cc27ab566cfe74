import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLiveBuilds } from '../../../src/activities/build/live-builds.ts';
import { findOwner } from '../../../src/activities/environment/file-owner.ts';
import { buildVariables } from '../../../src/domain/variables/variables.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { createFakeFileSystem } from '../support/fake-files.ts';
import { openProcess } from '../support/process.ts';
import { createWorld } from '../support/world.ts';

const PASSWD = 'root:x:0:0::/root:/bin/sh\ndev:x:1000:1001::/home/dev:/bin/sh\n';
const GROUP = 'root:x:0:\nstaff:x:50:\n';

interface Image {
  /** The user of the image. */
  readonly user?: string;
  /** The user that the job names for its image. */
  readonly wanted?: string;
  readonly passwd?: string;
  readonly flag?: boolean;
}

/** The owner of the sources, and the account files that were read for it. */
async function ownerOf({ user = '', wanted = '', passwd = PASSWD, flag = true }: Image) {
  const variable = { key: 'FF_DISABLE_UMASK_FOR_DOCKER_EXECUTOR', value: `${flag}` };
  const image = { name: 'alpine:3', executor_opts: { docker: { user: wanted } } };
  const context = contextOf({ job: { image, variables: [variable] } });
  const files = createFakeFileSystem();
  files.container.set('/etc/passwd', { text: passwd, modifiedMs: 0 });
  files.container.set('/etc/group', { text: GROUP, modifiedMs: 0 });
  const read: string[] = [];
  const { ports } = openProcess(createWorld(context), {
    engine: {
      readFiles: (container, path, options) => {
        read.push(path);
        return files.engine.readFiles(container, path, options);
      },
      inspectImage: (id) => Promise.resolve({ id, repoDigests: [], user, entrypoint: [] }),
    },
  });
  const build = await createLiveBuilds(ports).open(context.buildId);
  const variables = buildVariables(context, { jobStatus: 'running' });
  return { owner: await findOwner(build, { variables, ports }), read };
}

describe('the owner of a job’s sources', () => {
  const cases: [why: string, image: Image, owner: string | undefined][] = [
    ['the image’s user, by number', { user: 'dev' }, '1000:1001'],
    ['the image’s user in the group that the image names', { user: 'dev:staff' }, '1000:50'],
    [
      'the user that the job names, before that of the image',
      { user: 'dev', wanted: '7:8' },
      '7:8',
    ],
    ['nobody in particular where the image runs as root', { user: '' }, undefined],
    ['nobody in particular where the image names root', { user: 'root' }, undefined],
    ['nobody in particular where the image does not know its user', { user: 'who' }, undefined],
    [
      'found without an account file that is too long for one',
      { user: '1000', passwd: PASSWD.padEnd(1024 * 1024 + 1, '#') },
      '1000:0',
    ],
  ];
  for (const [why, image, owner] of cases) {
    it(`is ${why}`, async () => assert.equal((await ownerOf(image)).owner, owner));
  }

  it('is not looked for unless the feature flag asks for it', async () => {
    assert.deepEqual(await ownerOf({ user: 'dev', flag: false }), { owner: undefined, read: [] });
  });
});
