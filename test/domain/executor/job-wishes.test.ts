import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planEntrypoint, planUser } from '../../../src/domain/executor/job-wishes.ts';
import { DOCKER_DEFAULTS } from '../../../src/domain/runner/docker-config.ts';

interface Rules {
  readonly user?: string;
  readonly allowedUsers?: readonly string[];
}

describe("the user of a job's container", () => {
  const cases: readonly [rules: Rules, asked: string, expected: string | undefined, why: string][] =
    [
      [{}, '', '', 'nobody asks: the one of the image'],
      [{}, 'root', 'root', 'nothing is forbidden'],
      [{ user: '1000' }, '', '1000', 'the configuration decides'],
      [{ user: '1000' }, 'root', '1000', 'the configuration decides, whatever the job wants'],
      [{ allowedUsers: ['1000', 'ci'] }, 'ci', 'ci', 'it is in the list'],
      [{ allowedUsers: ['1000', 'ci'] }, '', '', 'the one of the image is always allowed'],
      [{ allowedUsers: ['1000', 'ci'] }, 'root', undefined, 'it is not in the list'],
      [{ allowedUsers: ['1000'] }, '1000:0', undefined, 'another group is another user'],
      [{ user: 'ci', allowedUsers: ['ci', '1'] }, '1', 'ci', 'the configuration decides here too'],
      [{ user: 'ci', allowedUsers: ['1'] }, '', undefined, 'the configuration contradicts itself'],
    ];
  for (const [rules, asked, expected, why] of cases) {
    const docker = { ...DOCKER_DEFAULTS, ...rules };
    it(`with ${JSON.stringify(rules)}, when the job asks for "${asked}", is ${String(expected)}: ${why}`, () => {
      if (expected !== undefined) assert.equal(planUser(docker, asked), expected);
      else assert.throws(() => planUser(docker, asked), { type: 'RunnerConfiguration' });
    });
  }

  it('is named when it is not allowed, with the allowed ones', () => {
    const docker = { ...DOCKER_DEFAULTS, allowedUsers: ['a', 'b'] };
    const message = /^user "root" is not an allowed user: \[a b\]; .*allowed_users/;
    assert.throws(() => planUser(docker, 'root'), { message });
  });
});

describe("the entrypoint of a job's container", () => {
  it('is the one that the job asks for', () => {
    assert.deepEqual(planEntrypoint(DOCKER_DEFAULTS, ['']), ['']);
  });
  it('is the image’s by default, and when the job may not choose it', () => {
    assert.equal(planEntrypoint(DOCKER_DEFAULTS, []), undefined);
    const strict = { ...DOCKER_DEFAULTS, disableEntrypointOverwrite: true };
    assert.equal(planEntrypoint(strict, ['sh']), undefined);
  });
});
