import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkJob } from '../../../src/domain/job/check-job.ts';
import { emptyPayload, parseJobPayload } from '../../../src/domain/job/parse-payload.ts';
import { payloadJson } from './context-fixture.ts';

const step = (name: string, ...script: string[]) => ({ name, script });
const git = (changes: object) => ({ git_info: { ...payloadJson().git_info, ...changes } });

const accepted: [changes: Record<string, unknown>, why: string][] = [
  [{}, 'an ordinary job'],
  [
    { steps: [step('script', 'a'), step('release', 'b'), step('after_script', 'c')] },
    'all steps GitLab knows',
  ],
  [{ steps: [step('script', 'a'), step('after_script')] }, 'an empty step does nothing'],
  [git({ sha: 'A'.repeat(64) }), 'SHA-256'],
  [git({ sha: '' }), 'a job without sources'],
  [git({ repo_object_format: 'sha256' }), 'known to git'],
  [{ run: '[]' }, 'the empty list is no run'],
  [
    { image: { name: 'a', executor_opts: { docker: { user: 'x' }, kubernetes: { user: 1 } } } },
    'known options',
  ],
];

const refused: [changes: Record<string, unknown>, message: RegExp, why: string][] = [
  [{ run: '[{"name":"x"}]', steps: [] }, /`run` keyword is not supported/, 'no step runner here'],
  [{ run: '[{"name":"x"}]' }, /cannot be used together/, 'as in gitlab-runner'],
  [{ steps: [] }, /no script/, 'nothing to run'],
  [{ steps: [step('script')] }, /no script/, 'nothing to run'],
  [{ steps: [step('a\nb', 'x')] }, /"a\\nb"/, 'would forge a section'],
  [{ steps: [step('', 'x')] }, /cannot use for a stage/, 'a stage without a name'],
  [
    { steps: [step('script', 'a'), step('Script', 'b')] },
    /more than one step "script"/,
    'the second would count as done',
  ],
  [
    { image: { executor_opts: { docker: { gpu: 1 } } } },
    /"docker\.gpu" for image; supported options are docker\.platform, docker\.user/,
    'as in gitlab-runner',
  ],
  [{ services: [{}, { executor_opts: { vm: {} } }] }, /"vm" for services\[1\]/, 'services too'],
  [git({ sha: 'main' }), /"main" is not a hash/, 'a branch may move'],
  [git({ sha: `--upload-pack=x${'0'.repeat(26)}` }), /is not a hash/, 'an option for git'],
  [
    git({ refspecs: ['+a:b', '--upload-pack=touch /x'] }),
    /looks like an option/,
    'an option for git',
  ],
  [git({ ref: '-x' }), /looks like an option/, 'an option for git'],
  [git({ repo_url: '--upload-pack=x' }), /address of the repository/, 'an option for git'],
  [git({ repo_url: 'ext::sh -c touch% /x' }), /address of the repository/, 'git would run it'],
  [git({ repo_object_format: 'md5' }), /object format "md5"/, 'unknown to git'],
];

describe('checkJob', () => {
  for (const [changes, why] of accepted) {
    it(`accepts ${JSON.stringify(changes).slice(0, 60)}: ${why}`, () => {
      assert.equal(checkJob(parseJobPayload(payloadJson(changes))), undefined);
    });
  }
  for (const [changes, message, why] of refused) {
    it(`refuses with ${message}: ${why}`, () => {
      assert.match(checkJob(parseJobPayload(payloadJson(changes))) ?? '', message);
    });
  }
  it('refuses a job with only its identity', () => {
    assert.match(checkJob(emptyPayload({ id: 1, token: 't' })) ?? '', /no script/);
  });
  it('shortens hostile names', () => {
    const steps = [step('x'.repeat(100_000), 'a')];
    assert.ok((checkJob(parseJobPayload(payloadJson({ steps }))) ?? '').length < 300);
  });
});
