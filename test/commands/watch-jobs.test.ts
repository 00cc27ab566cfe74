import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import type { OpenBuild } from '../../src/commands/builds.ts';
import { formatJobs } from '../../src/commands/jobs-text.ts';
import { openScreen } from '../../src/commands/screen.ts';
import { createJobsSink } from '../../src/commands/watch-jobs.ts';
import { readAll } from '../support/read-all.ts';

const build: OpenBuild = {
  ...{ buildId: 'build/one.test/7', jobId: '7', summary: 'app · rspec', node: 'n' },
  ...{ startedAt: new Date(0), stage: 'step_script' },
};

/** A terminal of a few rows, or a pipe. */
function openOutput(terminal?: { readonly rows: number }) {
  const stream = new PassThrough();
  const stdout = Object.assign(stream, terminal && { ...terminal, isTTY: true });
  return { stdout, written: () => readAll(stream) };
}

describe('the state of a job', () => {
  const states: [change: Partial<OpenBuild>, expected: RegExp][] = [
    [{}, /^7 +step_script .* running /m],
    [{ stage: '?' }, / no worker answers /],
    [{ waitsFor: 'GitLab, 503' }, / waits for GitLab, 503 /],
    [{ interruption: 'canceling' }, / canceling /],
    [{ result: 'failed', stage: 'report' }, / failed /],
  ];
  for (const [change, expected] of states) {
    it(`reads ${expected}`, () => {
      const view = { paint: (_: unknown, text: string) => text, nowMs: 1_000 };
      assert.match(formatJobs([{ ...build, ...change }], view), expected);
    });
  }
});

describe('a text that is drawn again', () => {
  it('takes the place of the one before, hides the cursor meanwhile and brings it back', () => {
    const { stdout, written } = openOutput({ rows: 10 });
    const screen = openScreen(stdout);
    screen.show('a\nb\n');
    screen.show('a\nb\n');
    screen.show('c\n');
    screen.close();
    screen.close();
    screen.show('late\n');
    assert.equal(
      written(),
      '\u001b[?25l\r\u001b[?7la\u001b[K\nb\u001b[K\n\u001b[J\u001b[?7h' +
        '\u001b[2A\r\u001b[?7lc\u001b[K\n\u001b[J\u001b[?7h' +
        '\u001b[?25h',
    );
  });

  it('is cut where it is longer than the terminal, from which the cursor could not come back', () => {
    const { stdout, written } = openOutput({ rows: 4 });
    openScreen(stdout).show('a\nb\nc\nd\ne\n');
    assert.match(written(), /a\S*\nb\S*\n… and 3 lines more\S*\n/);
  });

  it('writes nothing to a terminal on which it has shown nothing', () => {
    const { stdout, written } = openOutput({ rows: 4 });
    openScreen(stdout).close();
    assert.equal(written(), '');
  });
});

describe('jobs that are watched', () => {
  it('are written once more in a pipe only when something but their age has changed', () => {
    const { stdout, written } = openOutput();
    const sink = createJobsSink({ isJson: false }, { io: { env: {}, stdout } as never });
    sink.show({ builds: [build], notices: [] });
    assert.match(written(), /^JOB .*\n7 /);
    sink.show({ builds: [build], notices: [] });
    assert.equal(written(), '');
    sink.show({
      builds: [{ ...build, stage: 'after_script' }],
      notices: [{ message: 'Node is drained', fields: { node: 'n\u001b[2A' } }],
    });
    assert.match(written(), /^\nJOB .*\n7 +after_script .*\nNode is drained node=n \[2A\n$/);
  });

  it('are lines of JSON about new, changed and ended jobs', () => {
    const { stdout, written } = openOutput();
    const sink = createJobsSink({ isJson: true }, { io: { env: {}, stdout } as never });
    const lines = () =>
      written()
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as unknown);
    const json = { ...build, startedAt: build.startedAt.toISOString() };
    sink.show({ builds: [build], notices: [] });
    assert.deepEqual(lines(), [json]);
    sink.show({ builds: [build], notices: [] });
    assert.deepEqual(lines(), []);
    sink.show({ builds: [{ ...build, stage: 'report' }], notices: [] });
    assert.deepEqual(lines(), [{ ...json, stage: 'report' }]);
    sink.show({ builds: [], notices: [] });
    assert.deepEqual(lines(), [{ buildId: build.buildId, hasEnded: true }]);
  });
});
