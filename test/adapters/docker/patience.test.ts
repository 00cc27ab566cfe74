import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSameAnswers, type Patience } from '../../../src/adapters/docker/patience.ts';
import { FailureType } from '../../../src/domain/failure.ts';
import { engineFor, PATIENT } from './fake-daemon.ts';

const TIMING = { sameAnswers: { times: 3, shortMs: 10_000, longMs: 100_000 } };
const call = { method: 'POST', path: '/containers/x/start', doing: 'start container "x"' };

type Answer = readonly [atMs: number, status: number, message: string];

/** Whether each of the answers counts as lasting. */
function judged(answers: readonly Answer[], patience?: Patience, method = 'POST'): boolean[] {
  let nowMs = 0;
  const same = createSameAnswers(TIMING, () => nowMs);
  const asked = { ...call, method, ...(patience !== undefined && { patience }) };
  return answers.map(([atMs, status, message]) => {
    nowMs = atMs;
    return same.isLasting(asked, { status, message });
  });
}

const runc = 'unknown seccomp flag: 4; process 4711, container 0123456789abcdef';
const cases: readonly (readonly [string, readonly Answer[], boolean[]])[] = [
  [
    'as often and for as long as it takes',
    [0, 5_000, 9_999, 10_000].map((ms) => [ms, 500, runc] as const),
    [false, false, false, true],
  ],
  ['for long, but not often', [0, 60_000].map((ms) => [ms, 500, runc] as const), [false, false]],
  [
    'with other numbers and ids in it',
    [
      [0, 500, runc],
      [5_000, 500, runc.replace('4711', '12')],
      [10_000, 500, runc.replace('0123456789abcdef', 'fedcba98765432100')],
    ],
    [false, false, true],
  ],
  [
    'with other words in between',
    [
      [0, 500, runc],
      [5_000, 500, 'context deadline exceeded'],
      [10_000, 500, runc],
      [20_000, 500, runc],
    ],
    [false, false, false, false],
  ],
  [
    'and 503 in between: the daemon was started anew',
    [
      [0, 500, runc],
      [5_000, 500, runc],
      [6_000, 503, runc],
      [10_000, 500, runc],
      [15_000, 500, runc],
    ],
    [false, false, false, false, false],
  ],
  [
    'of a status that passes',
    [0, 10_000, 20_000, 30_000].map((ms) => [ms, 503, runc] as const),
    [false, false, false, false],
  ],
  [
    'after a break of minutes, in which nobody has asked',
    [0, 5_000, 200_000].map((ms) => [ms, 500, runc] as const),
    [false, false, false],
  ],
];
for (const [what, answers, expected] of cases) {
  void test(`an answer that comes ${what} is permanent: ${String(expected.at(-1))}`, () => {
    assert.deepEqual(judged(answers), expected);
  });
}

void test('the patience is longer when more would be lost', () => {
  const answers = [0, 50_000, 99_999, 100_000].map((ms) => [ms, 500, runc] as const);
  assert.deepEqual(judged(answers), [false, false, true, true]);
  assert.deepEqual(judged(answers, 'long'), [false, false, false, true]);
  assert.deepEqual(judged(answers, 'endless'), [false, false, false, false]);
  assert.deepEqual(judged(answers, undefined, 'DELETE'), [false, false, false, true]);
});

void test('a call that has succeeded starts counting again, and each call is counted by itself', () => {
  let nowMs = 0;
  const same = createSameAnswers(TIMING, () => nowMs);
  const refusal = { status: 500, message: runc };
  const other = { ...call, path: '/containers/y/start' };
  for (nowMs of [0, 6_000]) assert.equal(same.isLasting(call, refusal), false);
  nowMs = 12_000;
  assert.equal(same.isLasting(other, refusal), false);
  same.forget(call);
  assert.equal(same.isLasting(call, refusal), false);
});

const KINDS = {
  start: (engine) => engine.startContainer('x'),
  inspect: (engine) => engine.inspectContainer('x'),
  put: (engine) => engine.putArchive('x', '/', []),
  list: (engine) => engine.listByLabels({ a: 'b' }),
  remove: (engine) => engine.removeContainer('x'),
  read: (engine) => engine.readFiles('x', '/f', { signal: new AbortController().signal }),
  say: (engine) => engine.readLogs('x', { maxBytes: 9 }),
  wait: (engine) => engine.waitForExit('x', new AbortController().signal),
} satisfies Record<string, (engine: Awaited<ReturnType<typeof engineFor>>) => Promise<unknown>>;
for (const [kind, ask] of Object.entries(KINDS)) {
  void test(`${kind}: a repeated 500 ends as a permanent fault in Docker’s words`, async (t) => {
    const engine = await engineFor(
      t,
      (request, response) => {
        request.resume();
        response.writeHead(500).end('{"message":"unknown seccomp flag"}');
      },
      {
        timing: {
          ...PATIENT,
          sameAnswers: { times: 4, shortMs: 0, longMs: 0 },
          reconnectDelayMs: () => 0,
        },
      },
    );
    const faults: unknown[] = [];
    while (faults.length < 9) {
      const fault: unknown = await ask(engine).then(
        () => undefined,
        (error: unknown) => error,
      );
      faults.push(fault);
      if (fault instanceof Error && fault.name === 'FinalError') break;
    }
    const last = faults.at(-1);
    assert.ok(last instanceof Error);
    assert.equal(last.name, 'FinalError');
    assert.equal((last as Error & { type: string }).type, FailureType.RunnerSystem);
    assert.match(last.message, /answered 500: unknown seccomp flag; it has answered so each time/);
    assert.equal(faults.length, kind === 'wait' ? 1 : 4);
  });
}

void test('calls about Docker itself may get 500 for ever, because no job begins meanwhile', async (t) => {
  const engine = await engineFor(t, (_, response) => response.writeHead(500).end('{}'), {
    timing: { ...PATIENT, sameAnswers: { times: 1, shortMs: 0, longMs: 0 } },
  });
  for (let tries = 0; tries < 3; tries += 1) {
    await assert.rejects(engine.info(), { name: 'TransientError' });
  }
});

void test('501 is permanent at once, because the daemon does not support the call', async (t) => {
  const engine = await engineFor(t, (_, response) => response.writeHead(501).end('{}'));
  await assert.rejects(engine.readLogs('x', { maxBytes: 9 }), { name: 'FinalError' });
});
