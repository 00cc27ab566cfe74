import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLog } from '../../../src/adapters/log/log.ts';
import { FailureType, FinalError } from '../../../src/domain/failure.ts';

function capture(options: { level?: string; format?: string; isColored?: boolean } = {}) {
  const { level = 'info', format = 'json', isColored = false } = options;
  const lines: string[] = [];
  const output = { write: (line: string) => void lines.push(line), isColored };
  return { log: createLog({ level, format, output }), lines };
}

function parse(line: string | undefined): Record<string, unknown> {
  return JSON.parse(line ?? '') as Record<string, unknown>;
}

describe('createLog', () => {
  it('writes one JSON object on each line, in gitlab-runner’s form', () => {
    const { log, lines } = capture();
    log.info('ready', { concurrent: 2, runner_name: 'one' });
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /^\{.*"msg":"ready".*\}\n$/);
    const { time, ...event } = parse(lines[0]);
    assert.deepEqual(event, { level: 'info', msg: 'ready', concurrent: 2, runner_name: 'one' });
    assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  const levels: readonly [level: string, said: readonly string[]][] = [
    ['debug', ['debug', 'info', 'warning', 'error', 'fatal']],
    ['info', ['info', 'warning', 'error', 'fatal']],
    ['warn', ['warning', 'error', 'fatal']],
    ['warning', ['warning', 'error', 'fatal']],
    ['error', ['error', 'fatal']],
    ['fatal', ['fatal']],
    ['panic', ['fatal']],
  ];
  for (const [level, said] of levels) {
    it(`writes ${said.join(', ')} at level ${level}`, () => {
      const { log, lines } = capture({ level });
      log.debug('event');
      log.info('event');
      log.warn('event');
      log.error('event');
      log.fatal('event');
      assert.deepEqual(
        lines.map((line) => parse(line)['level']),
        said,
      );
    });
  }

  it('changes level and format while it is in use', () => {
    const { log, lines } = capture();
    log.debug('unheard');
    log.setLevel('debug');
    log.setFormat('text');
    log.debug('heard');
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /level=debug msg=heard/);
  });

  it('refuses unknown levels and formats, and names the known ones', () => {
    const { log } = capture();
    assert.throws(() => log.setLevel('loud'), {
      type: FailureType.InvalidConfig,
      message: /log level "loud" is unknown: expected one of .*debug, info/,
    });
    assert.throws(() => log.setFormat('xml'), {
      type: FailureType.InvalidConfig,
      message: /log format "xml" is unknown: expected one of json, text, runner/,
    });
  });

  it('writes names in snake_case, except those that begin with a capital', () => {
    const { log, lines } = capture();
    log.info('event', { jobId: 1, taskQueue: 'q', ConfigFile: '/c' });
    const { job_id, task_queue, ConfigFile } = parse(lines[0]);
    assert.deepEqual(
      { job_id, task_queue, ConfigFile },
      { job_id: 1, task_queue: 'q', ConfigFile: '/c' },
    );
  });

  it('lets no field replace level, time or message', () => {
    const { log, lines } = capture();
    log.info('event', { level: 'x', msg: 'y', time: 'z' });
    const event = parse(lines[0]);
    assert.equal(event['level'], 'info');
    assert.equal(event['msg'], 'event');
    assert.equal(event['fields.level'], 'x');
    assert.equal(lines[0]?.match(/"level"/g)?.length, 1);
  });

  it('shows an error as its message and type, with the stack only at the debug level', () => {
    const error = new FinalError(FailureType.ImagePull, 'image not found');
    const usual = capture();
    usual.log.error('job failed', { error });
    const { error: message, error_type, error_stack } = parse(usual.lines[0]);
    assert.deepEqual(
      [message, error_type, error_stack],
      ['image not found', 'ImagePull', undefined],
    );
    const debugging = capture({ level: 'debug' });
    debugging.log.error('job failed', { error });
    assert.match(String(parse(debugging.lines[0])['error_stack']), /log\.test/);
  });

  const secrets: readonly [fields: Readonly<Record<string, unknown>>, why: string][] = [
    [{ token: 'canary' }, 'named token'],
    [{ runnerToken: 'canary' }, 'named as one'],
    [{ request: { headers: { 'PRIVATE-TOKEN': 'canary' } } }, 'deep inside'],
    [{ list: [{ password: 'canary' }] }, 'in a list'],
    [{ secret_key: 'canary', authorization: 'canary' }, 'other names of secrets'],
    [{ reason: 'refused glrt-t1_canarycanary, sorry' }, 'a token in a text'],
    [{ reason: 'job token glcbt-64_canarycanary' }, 'a job token in a text'],
    [{ url: 'https://gitlab-ci-token:canary@gitlab.example.com/' }, 'a password in an address'],
    [{ error: new Error('no glpat-canarycanary here') }, 'a token in an error'],
  ];
  for (const [fields, why] of secrets) {
    for (const format of ['json', 'text', 'runner']) {
      it(`masks secrets in format ${format}: ${why}`, () => {
        const { log, lines } = capture({ format });
        log.warn('event glrt-canarycanary', fields);
        assert.ok(!(lines[0] ?? '').includes('canary'), lines[0]);
        assert.match(lines[0] ?? '', /\[MASKED\]/);
      });
    }
  }

  it('does not mask texts that only resemble a secret', () => {
    const { log, lines } = capture();
    log.info('event', {
      token_expires_at: '2027',
      keys: ['a'],
      tokens: 3,
      path: '/keys/payload.json',
    });
    assert.ok(!(lines[0] ?? '').includes('MASKED'), lines[0]);
  });

  it('writes values that JSON cannot express', () => {
    const { log, lines } = capture();
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    log.info('event', {
      big: 10n,
      none: undefined,
      when: new Date(0),
      bytes: new Uint8Array(3),
      circle,
    });
    const { big, when, bytes, ...rest } = parse(lines[0]);
    assert.deepEqual([big, when, bytes], ['10', '1970-01-01T00:00:00.000Z', '3 bytes']);
    assert.ok(!('none' in rest));
  });

  it('writes logfmt as format "text"', () => {
    const { log, lines } = capture({ format: 'text' });
    log.warn('two words', { runner_name: 'one "two"', job: 4711, b: '', list: ['x', 'y'] });
    assert.match(
      lines[0] ?? '',
      /^time="[^"]+Z" level=warning msg="two words" b="" job=4711 list="x,y" runner_name="one \\"two\\""\n$/,
    );
  });

  it('writes gitlab-runner’s format as format "runner"', () => {
    const { log, lines } = capture({ format: 'runner' });
    log.info('Runner registered', { runner: 'abc', job: 1 });
    log.warn('careful', {});
    assert.deepEqual(lines, [
      `${'Runner registered'.padEnd(50)}  job=1 runner=abc\n`,
      `WARNING: ${'careful'.padEnd(41)} \n`,
    ]);
  });

  it('uses colours only where they are supported', () => {
    const colored = capture({ format: 'runner', isColored: true });
    colored.log.error('broken', { job: 1 });
    assert.match(
      colored.lines[0] ?? '',
      /^\u001b\[31;1mERROR: broken +\u001b\[0;m {2}\u001b\[31;1mjob/,
    );
    const json = capture({ format: 'json', isColored: true });
    json.log.error('broken');
    assert.ok(!(json.lines[0] ?? '').includes('\u001b'));
  });

  for (const format of ['json', 'text', 'runner']) {
    it(`writes one line in format ${format}, whatever a value contains`, () => {
      const { log, lines } = capture({ format });
      log.info('first\nFATAL: second', { value: 'a\r\nlevel=error\u001b[2J\u2028b' });
      const text = lines.join('');
      assert.equal(text.split(/[\r\n\u2028]/).length, 2, JSON.stringify(text));
      assert.ok(!text.includes('\u001b'));
    });
  }
});
