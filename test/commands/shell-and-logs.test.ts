import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { appendFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import type { CommandPorts, TerminalEngineOptions } from '../../src/commands/ports.ts';
import type { TerminalCommand } from '../../src/ports/index.ts';
import { createFakeShell, type FakeShell } from '../adapters/session-server/fake-shell.ts';
import { BUILD, build, node, open, closeNodes } from './running-node.ts';

closeNodes();

describe('`logs`', () => {
  it('prints the log as it is on the disk of the node, byte by byte', async () => {
    await open(build());
    const log = Buffer.from('masked [MASKED] ж\u001b[31m\r\n');
    await writeFile(join(await node.record(), 'trace'), log);
    const { exitCode, stdout } = await node.run(['logs', '7']);
    assert.deepEqual([exitCode, stdout], [0, log.toString()]);
  });

  it('prints with --follow what is added, until the build is removed', async () => {
    await open(build());
    const directory = await node.record();
    const trace = join(directory, 'trace');
    await writeFile(trace, 'begun\n');
    const printed = new EventEmitter();
    const whenPrinted = once(printed, 'text');
    const heard = (text: string) => void printed.emit('text', text);
    const following = node.run(['logs', '-f', '7'], { heard });
    assert.deepEqual(await whenPrinted, ['begun\n']);
    await appendFile(trace, 'ended\n');
    await rm(directory, { recursive: true });
    const { exitCode, stdout } = await following;
    assert.deepEqual([exitCode, stdout], [0, 'begun\nended\n']);
  });

  it('ends with 1 where the job runs on another node, and names it', async () => {
    await open(build({ node: 'node-2' }));
    const { exitCode, stdout, stderr } = await node.run(['logs', '7']);
    assert.deepEqual([exitCode, stdout], [1, '']);
    const said = `FATAL: this node has no log of ${BUILD}: run \`logs\` on its node, node-2`;
    assert.ok(stderr.includes(said), stderr);
  });
});

describe('`shell`', () => {
  interface Opened extends TerminalCommand {
    readonly container: string;
    readonly options: TerminalEngineOptions;
  }

  /** An engine whose containers have this shell, or do not run. */
  function engineWith(shell: FakeShell | undefined) {
    const opened: Opened[] = [];
    const openTerminalEngine: CommandPorts['openTerminalEngine'] = async (options) => ({
      openTerminal: async (container, command) => {
        opened.push({ container, ...command, options });
        return shell;
      },
    });
    return { ports: { openTerminalEngine }, opened };
  }

  it('passes a pipe on to a shell in the container of the job, and its output and code back', async () => {
    await open(build());
    await node.record();
    const shell = createFakeShell();
    const { ports, opened } = engineWith(shell);
    const input = new PassThrough();
    const env = { DOCKER_HOST: 'tcp://x' };
    const running = node.run(['shell', '7'], { ports, input, env });
    input.write('exit 3\n');
    await shell.whenTyped('exit 3\n');
    shell.say('bye ж\n');
    shell.exit(3);
    const { exitCode, stdout, stderr } = await running;
    assert.deepEqual([exitCode, stdout], [3, 'bye ж\n']);
    assert.match(stderr, new RegExp(`Shell opened +build=${BUILD} what=app · rspec`));
    const [{ container, hasTty, options } = assert.fail('no terminal was opened')] = opened;
    assert.match(container, /^runner-\S+-project-42-concurrent-0-\S+-build$/);
    assert.equal(hasTty, false);
    assert.deepEqual(
      [options.runner.name, options.env],
      ['runner one', { DOCKER_HOST: 'tcp://x' }],
    );
    assert.equal(shell.isClosed, true);
    assert.equal(input.destroyed, true);
  });

  it('ends with 1 where the exit code of the shell is not known', async () => {
    await open(build());
    await node.record();
    const shell = createFakeShell();
    await shell.close();
    const { exitCode } = await node.run(['shell', '7'], engineWith(shell));
    assert.equal(exitCode, 1);
  });

  it('tells the build who opens it and in which container, before anything is typed', async () => {
    const shell = createFakeShell();
    await open(build());
    const { sent } = node.temporal;
    await node.record();
    const { ports, opened } = engineWith(shell);
    const input = new PassThrough();
    const running = node.run(['shell', '7'], { ports, input, env: { USER: 'alice' } });
    input.write('id\n');
    await shell.whenTyped('id\n');
    const [{ container } = assert.fail('no terminal was opened')] = opened;
    const order = { by: 'alice', container, isRunning: true };
    assert.deepEqual(sent, [{ to: BUILD, kind: 'update', name: 'shell', args: [order] }]);
    shell.exit(0);
    assert.equal((await running).exitCode, 0);
  });

  it('ends with 1 and closes its shell where the build is not told of it', async () => {
    const shell = createFakeShell();
    const refuse = () => {
      throw new Error('the build does not know `shell`');
    };
    await open(build({ update: refuse }));
    await node.record();
    const { exitCode, stderr } = await node.run(['shell', '7'], engineWith(shell));
    assert.equal(exitCode, 1);
    assert.match(stderr, new RegExp(`FATAL: ${BUILD}: the build does not know`));
    assert.equal(shell.isClosed, true);
    assert.equal(shell.typed(), '');
  });

  it('has a container started that does not run, and opens the shell there', async () => {
    const shell = createFakeShell();
    let isStarted = false;
    const start = () => {
      isStarted = true;
      return 'in the container';
    };
    await open(build({ update: start }));
    await node.record();
    const openTerminalEngine: CommandPorts['openTerminalEngine'] = async () => ({
      openTerminal: async () => (isStarted ? shell : undefined),
    });
    const input = new PassThrough();
    const running = node.run(['shell', '7'], { ports: { openTerminalEngine }, input });
    input.write('id\n');
    await shell.whenTyped('id\n');
    shell.exit(0);
    assert.equal((await running).exitCode, 0);
    const [{ args: [order] } = assert.fail('nothing was sent')] = node.temporal.sent;
    assert.deepEqual((order as { isRunning: boolean }).isRunning, false);
  });

  it('ends with 1 where the build does not start its container, and says why', async () => {
    const refuse = () => {
      throw new Error('no script of the job runs');
    };
    await open(build({ update: refuse }));
    await node.record();
    const { exitCode, stderr } = await node.run(['shell', '7'], engineWith(undefined));
    assert.equal(exitCode, 1);
    assert.match(stderr, new RegExp(`FATAL: ${BUILD}: no script of the job runs`));
  });

  it('ends with 1 where the container has ended at once', async () => {
    await open(build());
    await node.record();
    const { exitCode, stderr } = await node.run(['shell', '7'], engineWith(undefined));
    assert.equal(exitCode, 1);
    assert.match(stderr, /FATAL: container \S+ has ended as soon as it was started/);
  });

  it('ends with 1 where the job runs on another node, and asks no engine', async () => {
    await open(build({ node: 'node-2' }));
    const { ports, opened } = engineWith(createFakeShell());
    const { exitCode, stderr } = await node.run(['shell', '7'], { ports });
    assert.equal(exitCode, 1);
    const said = `this node has no record of ${BUILD}: run \`shell\` on its node, node-2`;
    assert.ok(stderr.includes(said), stderr);
    assert.deepEqual(opened, []);
  });
});
