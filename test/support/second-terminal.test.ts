import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { secondTerminalLine } from '../../tools/quickstart/second-terminal.ts';

describe('the line for a second terminal', () => {
  const place = { root: '/srv/runner', workerPid: '42', configPath: '/tmp/tgr-1/config.toml' };

  it('kills the worker and starts it again with the same config, from any directory', () => {
    assert.equal(
      secondTerminalLine({ ...place, env: {} }),
      'cd /srv/runner && kill -9 42 && npm run worker -- --config /tmp/tgr-1/config.toml',
    );
  });

  it('names the Docker of the first terminal', () => {
    const env = { DOCKER_HOST: 'unix:///run/other.sock', HOME: '/root', TEMPORAL_ADDRESS: '' };
    assert.match(
      secondTerminalLine({ ...place, env }),
      /&& DOCKER_HOST=unix:\/\/\/run\/other\.sock npm run worker/,
    );
  });

  it('is quoted for a shell, whatever the paths contain', () => {
    const root = "/srv/it's mine; $(rm)";
    const line = secondTerminalLine({ ...place, root, env: {} });
    const [, quoted = ''] = /^cd (.*) && kill/.exec(line) ?? [];
    assert.equal(execFileSync('sh', ['-c', `printf %s ${quoted}`]).toString(), root);
  });
});
