import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planEnvironment } from '../../../src/domain/executor/environment.ts';
import type { FoundFacts, ImageFacts } from '../../../src/domain/executor/ready-container.ts';
import type { DockerConfig } from '../../../src/domain/runner/config.ts';
import { buildVariables } from '../../../src/domain/variables/variables.ts';
import { contextOf } from '../job/context-fixture.ts';

const FILES = {
  ...{ script: '/script', output: '/output', state: '/state' },
  ...{ nextStage: '/turn', wakePipe: '/bell' },
};

interface Case {
  readonly git?: 'fetch' | 'none';
  readonly cache?: true;
  readonly helper?: Partial<ImageFacts>;
  readonly job?: Partial<ImageFacts>;
  readonly found?: Partial<FoundFacts>;
  readonly docker?: Partial<DockerConfig>;
}

/** Returns who creates the directories that every user may write to: two containers, or the runner. */
function makersOf({ git = 'fetch', cache, helper, job, found, docker }: Case): readonly string[] {
  const { runner } = contextOf();
  const context = contextOf({
    job: {
      variables: [{ key: 'GIT_STRATEGY', value: git }],
      ...(cache && { cache: [{ key: 'k', paths: ['deps'] }] }),
    },
    runner: { docker: { ...runner.docker, ...docker } },
  });
  const plan = planEnvironment({
    context,
    variables: buildVariables(context, { jobStatus: 'running' }),
    digests: { md5Hex: () => 'md5', sha256Hex: () => 'sha256' },
  });
  const image = { entrypoint: [], user: '' };
  const images = new Map([
    ['helper', { ...image, ...helper }],
    ['build', { ...image, ...job }],
  ] as const);
  const facts = { files: FILES, images, sharesPipes: true, startsEarly: true, ...found };
  return (['helper', 'build'] as const).flatMap((place) => {
    const { spec, directoriesToMake } = plan.ready(place, plan.container(place, 'image'), facts);
    assert.ok([0, plan.directoriesToMake.length].includes(directoriesToMake.length));
    return [
      ...(spec.command.join().includes('mkdir -p /builds') ? [place] : []),
      ...(directoriesToMake.length > 0 ? [`runner in ${place}`] : []),
    ];
  });
}

describe('directories that every user may write to are created by', () => {
  const both = ['runner in helper', 'runner in build'];
  const cases: readonly [expected: readonly string[], of: Case, why: string][] = [
    [['helper'], {}, 'a helper that comes first'],
    [['helper'], { job: { user: '1000' } }, 'it does so for any user'],
    [['helper'], { job: { entrypoint: ['/tool'] } }, 'the other container starts later'],
    [['helper'], { helper: { user: 'root:root' } }, 'that is root too'],
    [both, { helper: { user: 'nobody' } }, 'it may not'],
    [
      both,
      { helper: { entrypoint: ['/tool'] }, docker: { helperImage: 'own' } },
      'it does not wait',
    ],
    [both, { docker: { capDrop: ['ALL'] } }, 'root may not everything'],
    [both, { found: { sharesPipes: false, startsEarly: false } }, 'nothing waits'],
    [['runner in build'], { found: { images: new Map() } }, 'nothing is known of the helper'],
    [['runner in helper', 'build'], { git: 'none' }, 'the job’s container where it comes first'],
    [both, { git: 'none', cache: true }, 'files come before its shell has run'],
    [['helper'], { cache: true }, 'sources come before the files'],
    [both, { git: 'none', job: { user: '1000' } }, 'its user may not'],
    [both, { git: 'none', job: { entrypoint: ['/tool'] } }, 'its entrypoint comes first'],
    [both, { git: 'none', found: { startsEarly: false } }, 'it cannot wait'],
  ];
  for (const [expected, of, why] of cases) {
    it(`${expected.join(' and ')} with ${JSON.stringify(of)}: ${why}`, () => {
      const { images } = of.found ?? {};
      const made = makersOf(of);
      assert.deepEqual(images === undefined ? made : made.slice(-1), expected);
    });
  }
});
