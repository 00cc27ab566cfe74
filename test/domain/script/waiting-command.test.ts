import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { STAGE_MOUNTS } from '../../../src/domain/script/stage-mounts.ts';
import { isStageOver, parseStageState } from '../../../src/domain/script/stage-state.ts';
import {
  earlyJobCommand,
  waitingHelperCommand,
} from '../../../src/domain/script/waiting-command.ts';
import { wrapStage } from '../../../src/domain/script/wrapper.ts';
import { noProcessIds, OWN_PROCESS_IDS } from './support/own-process-ids.ts';
import { describeForShells, type Shell } from './support/stage-runs.ts';

type Argv = readonly [program: string, ...args: string[]];

/** The command with its files in a directory of this machine. */
class Waiting {
  readonly dir = mkdtempSync(join(tmpdir(), 'tgr-waiting-'));
  readonly file = (name: string): string => join(this.dir, name);
  readonly state = (): string => readFileSync(this.file('state'), 'utf8');
  readonly output = (): string => readFileSync(this.file('output'), 'utf8');
  private child: ChildProcess | undefined;
  private wakePipe: FileHandle | undefined;

  constructor() {
    for (const name of ['script', 'output', 'state', 'turn']) writeFileSync(this.file(name), '');
    execFileSync('mkfifo', [this.file('bell')]);
  }

  start(argv: Argv, change = (text: string): string => text): void {
    this.run(argv, { command: waitingHelperCommand({ hasUmask: false, directories: [] }), change });
  }

  /** Starts the command of a job's container that is started early. */
  startEarly(argv: Argv): void {
    this.run(argv, { command: earlyJobCommand({ directories: [] }), change: (text) => text });
  }

  private run(
    argv: Argv,
    options: { readonly command: readonly string[]; readonly change: (text: string) => string },
  ): void {
    const [, flag = '', text = ''] = options.command;
    const own = options.change(text.replaceAll(dirname(STAGE_MOUNTS.state), this.dir));
    const [program, ...args] = argv;
    this.child = spawn(program, [...args, flag, own], { stdio: 'ignore' });
  }

  /** Hands over a stage like the store: the script, then the next-stage file, then the wake-up pipe. */
  async hand(nonce: string, body: string): Promise<void> {
    const paths = { output: this.file('output'), state: this.file('state') };
    if (!this.state().startsWith(nonce)) writeFileSync(this.file('state'), '');
    writeFileSync(this.file('script'), wrapStage(body, { paths, nonce, maxOutputBytes: 1e6 }));
    writeFileSync(this.file('turn'), `${nonce}\n`);
    await this.ring();
  }

  async ring(): Promise<void> {
    this.wakePipe ??= await open(this.file('bell'), 'r+');
    await this.wakePipe.write('\n');
  }

  async over(nonce: string): Promise<void> {
    while (!isStageOver(this.state(), nonce)) {
      assert.equal(this.child?.exitCode, null, `it has ended: ${this.state()}`);
      await delay(5);
    }
  }

  async exitCode(): Promise<number | null> {
    assert.ok(this.child);
    if (this.child.exitCode === null) await once(this.child, 'exit');
    return this.child.exitCode;
  }

  async remove(): Promise<void> {
    if (this.child?.exitCode === null) {
      this.child.kill('SIGKILL');
      await this.exitCode();
    }
    await this.wakePipe?.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/**
 * Prints which other processes run. The shells of the command and of this stage, and the processes
 * of the wrapper, are named like the shell or cat.
 */
const TELL_OTHERS = 'for each in /proc/[0-9]*; do cat "$each/comm"; done; echo told';

const inContainer = ({ argv }: Shell): Argv => [...OWN_PROCESS_IDS, ...argv];

describe('a helper that waits for its stages', { skip: noProcessIds }, () => {
  let waiting: Waiting;
  beforeEach(() => {
    waiting = new Waiting();
  });
  afterEach(() => waiting.remove());

  describeForShells('in its shell', 'all', (shell) => {
    it('runs each stage in its turn, each in a shell of its own, in one start', async () => {
      waiting.start(inContainer(shell));
      await waiting.hand('first', 'word=first; echo "$word"; exit 0');
      await waiting.over('first');
      await waiting.hand('second', 'echo "${word-nothing} is left"');
      await waiting.over('second');
      assert.equal(waiting.output(), 'first\nnothing is left\n');
      assert.deepEqual(parseStageState(waiting.state(), 'second'), { exitCode: 0 });
    });

    it('runs a stage once, however often it is woken', async () => {
      waiting.start(inContainer(shell));
      await waiting.ring();
      await waiting.hand('first', 'echo once');
      await waiting.ring();
      await waiting.over('first');
      await waiting.ring();
      await waiting.hand('second', 'echo then');
      await waiting.over('second');
      assert.equal(waiting.output(), 'once\nthen\n');
    });

    it('needs no wake-up when a stage already waits at its start', async () => {
      await waiting.hand('first', 'echo first');
      waiting.start(inContainer(shell));
      await waiting.over('first');
      assert.equal(waiting.output(), 'first\n');
    });

    it('ends with the exit code of a stage that fails', async () => {
      waiting.start(inContainer(shell));
      await waiting.hand('first', 'exit 7');
      assert.equal(await waiting.exitCode(), 7);
      assert.deepEqual(parseStageState(waiting.state(), 'first'), { exitCode: 7 });
    });

    it('reports the end of a stage when no process of it is left', async () => {
      const stubborn = "trap '' TERM HUP INT; while :; do sleep 7; done";
      const leave = `( ${stubborn} ) & setsid sh -c "${stubborn}" & exit 0`;
      waiting.start(inContainer(shell));
      await waiting.hand('first', leave);
      await waiting.over('first');
      await waiting.hand('second', TELL_OTHERS);
      await waiting.over('second');
      assert.match(waiting.output(), /told\n$/);
      assert.doesNotMatch(waiting.output(), /sleep/);
    });
  });

  it('kills nothing and ends after its stage when process 1 does not belong to its container', async () => {
    // If the guard fails, this must not affect the machine that runs the test.
    const harmless = (text: string): string =>
      text.replace('kill -KILL -1', `touch '${waiting.file('killed')}'`);
    waiting.start(['sh'], harmless);
    await waiting.hand('first', 'echo first');
    assert.equal(await waiting.exitCode(), 0);
    assert.equal(waiting.output(), 'first\n');
    assert.equal(isStageOver(waiting.state(), 'first'), false);
    assert.throws(() => readFileSync(waiting.file('killed')), { code: 'ENOENT' });
  });

  it('is started again for a stage that it has not begun', async () => {
    waiting.start(inContainer({ name: 'sh', argv: ['sh'] }));
    await waiting.hand('first', 'echo first; exit 3');
    assert.equal(await waiting.exitCode(), 3);
    await waiting.hand('second', 'echo second');
    waiting.start(inContainer({ name: 'sh', argv: ['sh'] }));
    await waiting.over('second');
    assert.equal(waiting.output(), 'first\nsecond\n');
  });
});

describe('a job’s container that is started early', { skip: noProcessIds }, () => {
  let waiting: Waiting;
  beforeEach(() => {
    waiting = new Waiting();
  });
  afterEach(() => waiting.remove());

  describeForShells('in its shell', 'all', (shell) => {
    it('waits for its script, however often it is woken before, and becomes it', async () => {
      waiting.startEarly(inContainer(shell));
      await waiting.ring();
      await waiting.hand('first', 'echo "${_runner_turn-none} ${_runner_misses-none}"; exit 7');
      assert.equal(await waiting.exitCode(), 7);
      assert.equal(waiting.output(), 'none none\n');
      assert.deepEqual(parseStageState(waiting.state(), 'first'), { exitCode: 7 });
    });

    it('does not wait when it is started with its script', async () => {
      await waiting.hand('first', 'echo first');
      waiting.startEarly(inContainer(shell));
      assert.equal(await waiting.exitCode(), 0);
      assert.equal(waiting.output(), 'first\n');
    });

    it('ends when it cannot write to its files, and leaves their words to a start with the script', async () => {
      for (const name of ['state', 'output']) {
        rmSync(waiting.file(name));
        mkdirSync(waiting.file(name));
        waiting.startEarly(inContainer(shell));
        assert.equal(await waiting.exitCode(), 1);
        rmSync(waiting.file(name), { recursive: true });
        writeFileSync(waiting.file(name), '');
      }
    });

    it('ends when it cannot wait, instead of waiting in a circle', async () => {
      rmSync(waiting.file('bell'));
      waiting.startEarly(inContainer(shell));
      assert.equal(await waiting.exitCode(), 1);
    });
  });
});
