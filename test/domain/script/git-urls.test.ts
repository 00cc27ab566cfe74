import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildVariables } from '../../../src/domain/variables/variables.ts';
import { planGitUrls } from '../../../src/domain/script/git-urls.ts';
import { contextOf } from '../job/context-fixture.ts';

interface Question {
  readonly repoUrl?: string;
  readonly url?: string;
  readonly cloneUrl?: string;
  readonly token?: string;
  readonly variables?: Readonly<Record<string, string>>;
}

function urlsOf({ repoUrl, url, cloneUrl, token, variables = {} }: Question) {
  const context = contextOf({
    runner: { ...(url !== undefined && { url }), ...(cloneUrl !== undefined && { cloneUrl }) },
    job: {
      token: token ?? 'tok',
      git_info: { repo_url: repoUrl ?? 'https://gitlab-ci-token:tok@gitlab.example.com/g/app.git' },
      variables: Object.entries(variables).map(([key, value]) => ({ key, value })),
    },
  });
  return planGitUrls(context, buildVariables(context, { jobStatus: 'running' }));
}

describe('addresses that git uses', () => {
  it('are those of the payload, and only its host gets the token', () => {
    assert.deepEqual(urlsOf({}), {
      remote: 'https://gitlab.example.com/g/app.git',
      host: 'https://gitlab.example.com',
      rewrites: [
        [
          'https://gitlab-ci-token:tok@gitlab.example.com/g/app.git',
          'https://gitlab.example.com/g/app.git',
        ],
        ['https://gitlab-ci-token:tok@gitlab.example.com', 'https://gitlab.example.com'],
      ],
    });
  });

  it('are those of clone_url, with its own path and port', () => {
    const { remote, host, rewrites } = urlsOf({
      cloneUrl: 'http://inside:8080/gitlab/',
      variables: { CI_PROJECT_PATH: 'g/app' },
    });
    assert.deepEqual([remote, host], ['http://inside:8080/gitlab/g/app.git', 'http://inside:8080']);
    assert.deepEqual(rewrites, [
      ['http://gitlab-ci-token:tok@inside:8080/gitlab/g/app.git', remote],
      ['http://gitlab-ci-token:tok@inside:8080/gitlab', 'http://inside:8080/gitlab'],
      ['https://gitlab-ci-token:tok@gitlab.example.com', 'https://gitlab.example.com'],
    ]);
  });

  it('contain no token with FF_GIT_URLS_WITHOUT_TOKENS', () => {
    const urls = urlsOf({ variables: { FF_GIT_URLS_WITHOUT_TOKENS: 'true' } });
    assert.deepEqual(urls, {
      remote: 'https://gitlab.example.com/g/app.git',
      host: 'https://gitlab.example.com',
      rewrites: [],
    });
  });

  const ssh: readonly [port: string, insteadOf: readonly string[], why: string][] = [
    ['', ['git@ssh.example.com:', 'ssh://git@ssh.example.com'], 'the usual port is not written'],
    ['22', ['git@ssh.example.com:', 'ssh://git@ssh.example.com'], 'the usual port'],
    ['2222', ['ssh://git@ssh.example.com:2222'], 'another port has only one form'],
  ];
  for (const [port, insteadOf, why] of ssh) {
    it(`replace ssh addresses when the job wants it, port ${JSON.stringify(port)}: ${why}`, () => {
      const { rewrites } = urlsOf({
        variables: {
          GIT_SUBMODULE_FORCE_HTTPS: 'true',
          CI_SERVER_HOST: 'gitlab.example.com',
          CI_SERVER_SHELL_SSH_HOST: 'ssh.example.com',
          CI_SERVER_SHELL_SSH_PORT: port,
        },
      });
      const found = rewrites.filter(([, from]) => from.includes('git@'));
      assert.deepEqual(
        found.map(([, from]) => from),
        insteadOf,
      );
      assert.ok(
        found.every(([to]) => to.startsWith('https://gitlab-ci-token:tok@gitlab.example.com')),
      );
    });
  }

  it('contain a token with special characters in the form of a URL', () => {
    const { rewrites } = urlsOf({ token: 'a/b@c:d' });
    assert.ok(
      rewrites.some(([to]) => to === 'https://gitlab-ci-token:a%2Fb%40c%3Ad@gitlab.example.com'),
    );
  });

  it('are unchanged when they do not name a server', () => {
    assert.deepEqual(urlsOf({ repoUrl: '/srv/app.git' }), {
      remote: '/srv/app.git',
      host: '',
      rewrites: [],
    });
  });
});
