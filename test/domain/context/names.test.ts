import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseJobPayload } from '../../../src/domain/job/parse-payload.ts';
import type { Digests } from '../../../src/domain/runner/digests.ts';
import {
  buildIdOf,
  cleanUrl,
  containerBaseName,
  jobUrl,
  networkName,
  projectUniqueName,
  realUniqueName,
  shortToken,
} from '../../../src/domain/context/names.ts';
import { contextOf } from '../job/context-fixture.ts';

const digests: Digests = {
  md5Hex: (text) => createHash('md5').update(text).digest('hex'),
  sha256Hex: (text) => createHash('sha256').update(text).digest('hex'),
};
const withToken = (token: string) => contextOf({ runner: { token } });

describe('shortToken', () => {
  const cases: [token: string, expected: string, why: string][] = [
    ['glrt-AbCdEfGhIjKl', 'AbCdEfGhI', 'authentication token'],
    ['glrt-t1_AbCdEfGhIjKl', 'AbCdEfGhI', 'with the kind of its runner'],
    ['glrt-t4_AbCdEfGhIjKl', 't4_AbCdEf', 'kinds end at 3'],
    ['t3_AbCdEfGhIjKl', 'AbCdEfGhI', 'bare kind'],
    ['glrtr-AbCdEfGhIjKl', 'AbCdEfGhI', 'registration token'],
    ['glcbt-64_AbCdEfGhIjKl', '64_AbCdEf', 'job token'],
    ['GR1348941AbCdEfGhIjKl', 'AbCdEfGhI', 'old registration token'],
    ['GRxyz8941AbCdEfGhIjKl', 'GRxyz8941', 'no hex behind GR'],
    ['glrt-glcbt-AbCdEfGhIjKl', 'AbCdEfGhI', 'one prefix of each sort, as in gitlab-runner'],
    ['short', 'short', 'shorter than nine: no panic as in gitlab-runner'],
    ['', '', 'nothing'],
  ];
  for (const [token, expected, why] of cases) {
    it(`shows ${JSON.stringify(expected)} of ${JSON.stringify(token)}: ${why}`, () => {
      assert.equal(shortToken(token), expected);
    });
  }
});

describe('names of a build', () => {
  it('contain project, place, network and containers', () => {
    const context = contextOf();
    assert.equal(projectUniqueName(context), 'runner-abcdefghi-project-42-concurrent-1');
    assert.equal(networkName(context), 'runner-abcdefghi-42-1-4711');
    assert.equal(
      containerBaseName(context),
      'runner-abcdefghi-project-42-concurrent-1-0123456789abcdef',
    );
  });

  it('leave out characters that a host name cannot have', () => {
    assert.equal(
      projectUniqueName(withToken('glrt-A_b.C/dxyz')),
      'runner-abcdxy-project-42-concurrent-1',
    );
  });

  it('are host names of at most 63 characters, whatever the token is', () => {
    const positive = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
    fc.assert(
      fc.property(fc.string(), positive, fc.maxSafeNat(), (token, id, projectId) => {
        const job = { id, job_info: { project_id: projectId } };
        const context = contextOf({ runner: { token }, job });
        for (const name of [projectUniqueName(context), networkName(context)]) {
          assert.match(name, /^[a-z0-9][a-z0-9-]{0,62}$/);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('hash the whole token when they must never collide', () => {
    // printf %s glrt-t1_AbCdEfGhIjKl-s_0123456789ab-42-1 | sha256sum | cut -c1-32
    assert.equal(realUniqueName(digests, contextOf()), 'runner-ddba441fc9eee1e51dd369334389b9ab');
    assert.notEqual(
      realUniqueName(digests, withToken('glrt-AbCdEfGhI-1')),
      realUniqueName(digests, withToken('glrt-AbCdEfGhI-2')),
    );
  });
});

describe('cleanUrl', () => {
  const cases: [url: string, expected: string, why: string][] = [
    ['https://u:p@h.example/g/p.git', 'https://h.example/g/p.git', 'user and password go'],
    ['https://u:p@x@h/g', 'https://h/g', 'the last @ counts'],
    ['http://h:8080/g?token=x#y', 'http://h:8080/g', 'query and fragment go'],
    ['http://[::1]:80/g', 'http://[::1]:80/g', 'IPv6'],
    ['https://user:pa#ss@h/g', '', 'half a password would be left'],
    ['https://user:pa/ss@h/g', '', 'half a password would be left'],
    ['https://user:pa?ss@h/g', '', 'half a password would be left'],
    ['https://u:p@h/g\n', '', 'no URL'],
    ['git@h:g/p.git', '', 'no URL'],
    ['', '', 'no URL'],
  ];
  for (const [url, expected, why] of cases) {
    it(`turns ${JSON.stringify(url)} into ${JSON.stringify(expected)}: ${why}`, () => {
      assert.equal(cleanUrl(url), expected);
    });
  }
});

describe('jobUrl', () => {
  it('leads to the page of the job, without the token', () => {
    const url = jobUrl(contextOf().job);
    assert.equal(url, 'https://gitlab.example.com/group/app/-/jobs/4711');
  });
  it('shows nothing of an invalid address', () => {
    const job = parseJobPayload({ id: 1, token: 't', git_info: { repo_url: 'tok:x@' } });
    assert.equal(jobUrl(job), '/-/jobs/1');
  });
});

describe('buildIdOf', () => {
  const cases: [url: string, expected: string, why: string][] = [
    ['https://gitlab.example.com', 'build/gitlab.example.com/5', 'plain'],
    ['https://gitlab.example.com/', 'build/gitlab.example.com/5', 'slash at the end'],
    [
      'https://gitlab.example.com/ci/',
      'build/gitlab.example.com/5',
      'as old configurations write it',
    ],
    ['http://GitLab.example.com', 'build/gitlab.example.com/5', 'scheme and case do not matter'],
    ['https://gitlab.example.com:443', 'build/gitlab.example.com/5', 'the usual port'],
    [
      'http://gitlab.example.com:443',
      'build/gitlab.example.com:443/5',
      'not the usual port of http',
    ],
    ['http://127.0.0.1:8080/gitlab', 'build/127.0.0.1:8080/gitlab/5', 'port and path do matter'],
    ['https://u:p@h/a b', 'build//5', 'no URL: nothing of it is shown'],
    ['https://u:p@h/ä', 'build/h/_/5', 'one alphabet'],
  ];
  for (const [url, expected, why] of cases) {
    it(`is ${expected} for ${url}: ${why}`, () => {
      assert.equal(buildIdOf(url, 5), expected);
      assert.equal(buildIdOf(url, 5, 'key'), expected.replace(/5$/, 'key/5'));
    });
  }
});
