import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stat, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import type { TomlTable } from '../../src/adapters/config/toml-table.ts';
import { CLI } from '../support/command.ts';
import { deleted, registered, REGISTRATION_TOKEN, TOKEN, verified } from './support.ts';
import {
  installation,
  readRunners,
  paths,
  silently,
  setUpInstallation,
} from './register-support.ts';

setUpInstallation();

describe('register with a person', () => {
  it("asks in gitlab-runner's order and shows what was given as the default", async () => {
    const { run, gitlab } = installation;
    gitlab.answer(verified);
    const { exitCode, stderr } = await run(
      ['register', '--url', gitlab.url, '--docker-image', 'ruby:3.3'],
      `\n${TOKEN}\nmine\ndocker\n\n`,
    );
    assert.equal(exitCode, 0, stderr);
    assert.deepEqual(prompts(stderr), [
      'Enter the GitLab instance URL (for example, https://gitlab.com/):',
      'Enter the registration token:',
      'Enter a name for the runner. This is stored only in the local config.toml file:',
      'Enter an executor: docker:',
      'Enter the default Docker image (for example, ruby:3.3):',
    ]);
    assert.ok(stderr.includes(`[${gitlab.url}]: `));
    const [runner] = await readRunners();
    assert.equal(runner?.['name'], 'mine');
    assert.equal((runner['docker'] as TomlTable)['image'], 'ruby:3.3');
  });

  it('asks for tags and note with a registration token', async () => {
    const { run, gitlab } = installation;
    gitlab.answer(registered);
    const answers = [gitlab.url, REGISTRATION_TOKEN, 'mine', 'a,b', '', 'docker', 'busybox', ''];
    const { exitCode, stderr } = await run(['register'], answers.join('\n'));
    assert.equal(exitCode, 0, stderr);
    assert.deepEqual(prompts(stderr).slice(2, 5), [
      'Enter a description for the runner:',
      'Enter tags for the runner (comma-separated):',
      'Enter optional maintenance note for the runner:',
    ]);
    assert.equal(gitlab.requests[0]?.json()['tag_list'], 'a,b');
  });

  it('asks again for empty values that are required and for an unknown executor', async () => {
    const { run, gitlab } = installation;
    gitlab.answer(verified);
    const answers = ['', '', gitlab.url, TOKEN, '', 'shell', 'docker', '', 'busybox', ''];
    const { exitCode, stderr } = await run(['register'], answers.join('\n'));
    assert.equal(exitCode, 0, stderr);
    assert.equal(prompts(stderr).filter((prompt) => prompt.includes('URL')).length, 3);
    assert.match(stderr, /Invalid executor specified: "shell"/);
  });

  it('says what to do when the answers end too early, and unregisters the runner', async () => {
    const { run, gitlab } = installation;
    gitlab.answer(verified, deleted);
    const { exitCode, stderr } = await run(['register'], `${gitlab.url}\n${TOKEN}\nname\n`);
    assert.equal(exitCode, 1);
    assert.match(stderr, /Unexpected end of input\. Did you mean to use --non-interactive\?/);
    assert.deepEqual(paths().slice(1), ['DELETE /api/v4/runners/managers']);
  });

  it('names the missing option without prompts', async () => {
    const { run } = installation;
    const { exitCode, stderr } = await run(['register', '--non-interactive']);
    assert.equal(exitCode, 1);
    assert.match(stderr, /FATAL: The url needs to be entered: set --url/);
  });
});

describe('register with a url that cannot be used', () => {
  it('refuses a password in it without showing it', async () => {
    const { run } = installation;
    const args = ['register', '--non-interactive', '--url', 'https://user:canary@gitlab.test'];
    const { exitCode, stderr } = await run([...args, '--token', TOKEN]);
    assert.equal(exitCode, 1);
    assert.match(stderr, /FATAL: The url has a user or password in it/);
    assert.doesNotMatch(stderr, /canary/);
  });
});

describe('register with a template', () => {
  it('takes missing values from it, but never its token', async () => {
    const { run, gitlab, configPath } = installation;
    await writeFile(
      `${configPath}.template`,
      `[[runners]]
name = "of the template"
token = "glrt-templateTemplate"
limit = 5
[runners.feature_flags]
FF_X = true
[runners.kubernetes]
image = "x"
[runners.docker]
image = "of the template"
memory = "1g"
volumes = ["/t"]
`,
    );
    gitlab.answer(verified);
    const { exitCode, stderr } = await run(
      silently(
        ...['--token', TOKEN, '--template-config', `${configPath}.template`],
        ...['--docker-volumes', '/mine'],
      ),
    );
    assert.equal(exitCode, 0, stderr);
    const [runner] = await readRunners();
    assert.equal(runner?.['token'], TOKEN);
    assert.equal(runner['name'], 'of the template');
    assert.equal(runner['limit'], 5);
    assert.deepEqual(runner['feature_flags'], { FF_X: true });
    assert.ok(!('kubernetes' in runner), 'tables of other executors are not written');
    assert.deepEqual(runner['docker'], {
      image: 'busybox',
      memory: '1g',
      volumes: ['/mine', '/cache'],
    });
  });

  it('takes over its services and other lists of tables', async () => {
    const { gitlab, configPath, run } = installation;
    await writeFile(
      `${configPath}.template`,
      `[[runners]]
[runners.docker]
[[runners.docker.services]]
name = "postgres:16"
alias = "db"
[[runners.docker.services]]
name = "redis"
`,
    );
    gitlab.answer(verified);
    const { exitCode, stderr } = await run(
      silently('--token', TOKEN, '--template-config', `${configPath}.template`),
    );
    assert.equal(exitCode, 0, stderr);
    const [runner] = await readRunners();
    assert.deepEqual((runner?.['docker'] as TomlTable)['services'], [
      { name: 'postgres:16', alias: 'db' },
      { name: 'redis' },
    ]);
  });

  it('refuses one with more than one runner', async () => {
    const { run, configPath } = installation;
    await writeFile(`${configPath}.template`, '[[runners]]\n[[runners]]\n');
    const { exitCode, stderr } = await run(
      silently('--token', TOKEN, '--template-config', `${configPath}.template`),
    );
    assert.equal(exitCode, 1);
    assert.match(stderr, /must contain exactly one \[\[runners\]\] entry/);
  });
});

describe('register as a process', () => {
  it('takes options from the environment', async () => {
    const { gitlab, configPath } = installation;
    gitlab.answer(verified);
    const child = spawn(process.execPath, [...process.execArgv, CLI, 'register'], {
      env: {
        ...process.env,
        CONFIG_FILE: configPath,
        REGISTER_NON_INTERACTIVE: 'true',
        CI_SERVER_URL: gitlab.url,
        CI_SERVER_TOKEN: TOKEN,
        RUNNER_EXECUTOR: 'docker',
        RUNNER_ENV: 'A=b,C=d',
        REGISTER_LOCKED: '',
        RUNNER_TAG_LIST: '',
        DOCKER_IMAGE: 'busybox',
        DOCKER_VOLUMES: '/a,/b',
      },
      stdio: 'ignore',
    });
    assert.deepEqual(await once(child, 'exit'), [0, null]);
    const [runner] = await readRunners();
    assert.deepEqual(runner?.['environment'], ['A=b', 'C=d']);
    assert.deepEqual((runner['docker'] as TomlTable)['volumes'], ['/a', '/b', '/cache']);
  });

  it('unregisters the runner when it is interrupted after the registration', async () => {
    const { gitlab, configPath } = installation;
    gitlab.answer(verified, deleted);
    const args = ['register', '--url', gitlab.url, '--token', TOKEN, '--config', configPath];
    const child = spawn(process.execPath, [...process.execArgv, CLI, ...args], {
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      if (text.includes('Enter an executor')) child.kill('SIGINT');
    });
    child.stdin.write('\n\n');
    assert.deepEqual(await once(child, 'exit'), [1, null]);
    assert.deepEqual(paths(), ['POST /api/v4/runners/verify', 'DELETE /api/v4/runners/managers']);
    assert.match(stderr, /FATAL: RECEIVED SIGNAL: SIGINT/);
    await assert.rejects(stat(configPath), { code: 'ENOENT' });
  });
});

function prompts(stderr: string): readonly string[] {
  return stderr.match(/Enter [^\n]*:/g) ?? [];
}
