import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { BuildContext } from '../../../src/domain/context/context.ts';
import { withInputs } from '../../../src/domain/build/inputs.ts';
import { planStages } from '../../../src/domain/build/plan.ts';
import { summarizeJob } from '../../../src/domain/build/summary.ts';
import { checkJob } from '../../../src/domain/job/check-job.ts';
import { isDebugTrace } from '../../../src/domain/variables/debug-trace.ts';
import { parseJobPayload } from '../../../src/domain/job/parse-payload.ts';
import type { JobPayload } from '../../../src/domain/job/payload.ts';
import { buildVariables, type Variables } from '../../../src/domain/variables/variables.ts';
import { FailureType, FinalError } from '../../../src/domain/failure.ts';
import {
  containerBaseName,
  jobUrl,
  networkName,
  projectUniqueName,
} from '../../../src/domain/context/names.ts';
import { contextOf, payloadJson } from './context-fixture.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A job with a value in every field. */
function wholeJob(): Json {
  const variable = (key: string, value: string): Json => ({
    ...{ key, value, public: true, file: false, masked: true, raw: false },
  });
  const executor_opts = { docker: { platform: 'linux/$ARCH', user: 'u' } };
  const image = { name: 'alpine:$TAG', alias: 'a b', entrypoint: [''], command: ['x'] };
  const service = {
    ...image,
    executor_opts,
    pull_policy: ['never'],
    variables: [variable('A', '$B')],
  };
  return payloadJson({
    variables: [
      variable('TAG', '3'),
      variable('B', '$TAG$$'),
      variable('GIT_STRATEGY', 'fetch'),
      variable('GIT_CLONE_PATH', '$CI_BUILDS_DIR/x'),
      variable('FF_TIMESTAMPS', '1'),
      variable('CI_DEBUG_TRACE', 'true'),
      variable('RUNNER_SCRIPT_TIMEOUT', '1h'),
      variable('GET_SOURCES_ATTEMPTS', '3'),
    ],
    steps: [
      { name: 'script', script: ['a', 'b'] },
      { name: 'after_script', script: ['c'] },
    ],
    image: { ...image, executor_opts, pull_policy: ['always', 'never'] },
    services: [service, service],
    artifacts: [{ name: 'n', untracked: true, paths: ['p'], exclude: ['e'], when: 'always' }],
    cache: [{ key: 'k', fallback_keys: ['f'], paths: ['p'], policy: 'pull', untracked: false }],
    credentials: [{ type: 'registry', url: 'u', username: 'n', password: 'p' }],
    dependencies: [{ id: 1, token: 't', name: 'n', artifacts_file: { filename: 'f', size: 1 } }],
    hooks: [{ name: 'pre_get_sources_script', script: ['h'] }],
    features: { trace_sections: true, token_mask_prefixes: ['x-'], failure_reasons: ['y'] },
    run: '',
  });
}

/** Every place of a document, as a path of keys and indexes. */
function placesOf(json: Json, path: readonly string[] = []): (readonly string[])[] {
  if (typeof json !== 'object' || json === null) return [path];
  const children = Object.entries(json).flatMap(([key, child]) => placesOf(child, [...path, key]));
  return path.length === 0 ? children : [path, ...children];
}

const PLACES = placesOf(wholeJob());

const nasty = fc.constantFrom<Json>(
  ...[null, true, false, 0, -1, 1, 1.5, 1e308, -1e308, 2 ** 53, 315_360_001],
  ...[
    '',
    ' ',
    '\0',
    '\n',
    '$',
    '${',
    '$$',
    '${A',
    '$B'.repeat(2_000),
    '-x',
    '../..',
    '/',
    'ext::x',
  ],
  ...[
    '\ud800',
    'ä\u202e',
    '%zz',
    '%00',
    'https://[',
    'http://u:p@h/%2e%2e/x.git',
    'a'.repeat(70_000),
  ],
  ...['true', 'nonsense', '1h', '-5s', '99999999999999999999', '__proto__', 'constructor'],
  ...[[], [null], [[]], [''], {}, { toString: 1 }, { constructor: null, length: -1 }],
);
const change = fc.record({
  place: fc.constantFrom(...PLACES),
  what: fc.constantFrom('replace', 'remove', 'repeat', 'add'),
  value: fc.oneof(nasty, fc.string(), fc.jsonValue() as fc.Arbitrary<Json>),
});
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

function apply(json: Json, { place, what, value }: Change): void {
  const key = place.at(-1) ?? '';
  let parent: Json | undefined = json;
  for (const step of place.slice(0, -1)) {
    if (typeof parent !== 'object' || parent === null || !Object.hasOwn(parent, step)) return;
    parent = (parent as Record<string, Json>)[step];
  }
  if (typeof parent !== 'object' || parent === null) return;
  const fields = parent as Record<string, Json>;
  if (what === 'remove') delete fields[key];
  else if (what === 'add') fields[`${key}_new`] = value;
  else if (what === 'repeat' && Array.isArray(parent)) parent.push(...parent, value);
  else fields[key] = value;
}

/** The job, or undefined when it is refused in the documented way. */
function parsed(json: Json): JobPayload | undefined {
  try {
    return parseJobPayload(JSON.parse(JSON.stringify(json)));
  } catch (error) {
    assert.ok(error instanceof FinalError, String(error));
    assert.equal(error.type, FailureType.InvalidPayload);
    assert.ok(error.message.length < 300, error.message);
    return undefined;
  }
}

/**
 * The data about a job that a node sends to Temporal, which accepts neither a long text nor an odd
 * time.
 */
function assertSummary(context: BuildContext): void {
  const plan = planStages(context, buildVariables(context, { jobStatus: 'running' }));
  const summary = JSON.stringify(summarizeJob(context, plan));
  assert.ok(summary.length < MAX_SUMMARY_LENGTH, `${summary.length} characters`);
  const times = [...summary.matchAll(/"\w*[tT]imeoutMs":([^,}]+)/g)].map(([, value]) =>
    Number(value),
  );
  assert.ok(times.length > 0, summary);
  for (const time of times) {
    assert.ok(Number.isSafeInteger(time) && time > 0 && time <= MAX_TIME_MS, `${time} ms`);
  }
}

/** Far below Temporal's limit, and more than any real job has. */
const MAX_SUMMARY_LENGTH = 256 * 1024;
/** Ten years, the limit of PostgreSQL and GitLab. */
const MAX_TIME_MS = 315_360_000_000;

function useAll(variables: Variables, context: BuildContext): void {
  for (const line of variables.environment()) assert.match(line, /^[A-Za-z_]\w*=[^\0]*$/);
  for (const { path } of variables.files()) assert.ok(path.startsWith(`${variables.tempDir}/`));
  assert.ok(variables.projectDir.startsWith('/builds'), variables.projectDir);
  for (const phrase of variables.maskPhrases()) assert.notEqual(phrase.trim(), '');
  for (const warning of variables.warnings) {
    assert.doesNotMatch(warning, /[\n\0]/);
    assert.ok(warning.length < 3_000, `${warning.length} characters`);
  }
  for (const service of context.job.services) variables.publicEnvironment(service.variables);
  variables.expand(context.job.image.name);
}

describe('a job that was changed anywhere', () => {
  it('runs, is refused with a message, or is not a payload', () => {
    const outcomes = { unusable: 0, refused: 0, runs: 0 };
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const json = wholeJob();
        // Changes are made in values of other changes too, which are drawn again and again.
        for (const each of changes) apply(json, structuredClone(each));
        const job = parsed(json);
        if (job === undefined) {
          outcomes.unusable += 1;
          return;
        }
        const rejection = checkJob(job);
        outcomes[rejection === undefined ? 'runs' : 'refused'] += 1;
        if (rejection !== undefined) assert.match(rejection, /^[^\n\0]{5,2000}$/);
        const draft = contextOf({ context: { job, rejection } });
        const context: BuildContext = { ...draft, ...withInputs(draft) };
        assertSummary(context);
        useAll(buildVariables(context, { jobStatus: 'running' }), context);
        useAll(buildVariables(context, { jobStatus: 'failed' }), context);
        assert.equal(typeof isDebugTrace(context), 'boolean');
        for (const name of [projectUniqueName(context), networkName(context)]) {
          assert.match(name, /^[a-z0-9][a-z0-9-]{0,62}$/);
        }
        assert.match(containerBaseName(context), /^[a-z0-9-]{1,80}$/);
        assert.doesNotMatch(jobUrl(job), /@/);
      }),
      { numRuns: 3_000 },
    );
    // Mutations that break the job always or never would prove nothing.
    for (const [outcome, count] of Object.entries(outcomes)) assert.ok(count > 10, outcome);
  });
});

describe('a job of absurd size', () => {
  const variable = (key: string, value: string) => ({ key, value });
  const many = Array.from({ length: 5_000 }, (_, index) =>
    variable(`K${index}`, `v $K${index >> 1}`),
  );
  const cases: [name: string, changes: Record<string, Json>, why: string][] = [
    ['5,000 variables', { variables: many }, 'they are looked up by name, never by search'],
    [
      'a script of 10 MB',
      { steps: [{ name: 'script', script: ['x'.repeat(10_000_000)] }] },
      'text',
    ],
    [
      '100,000 lines',
      { steps: [{ name: 'script', script: Array<Json>(100_000).fill('x') }] },
      'text',
    ],
    [
      '1,000 steps',
      {
        steps: many
          .slice(0, 1_000)
          .map(({ key }) => ({ name: key.padEnd(64, 'x'), script: ['x'] })),
      },
      'each has its place in the plan',
    ],
    [
      '200 services',
      { services: Array<Json>(200).fill({ name: 'x', variables: many.slice(0, 50) }) },
      'fine',
    ],
    [
      '1 MB of a value',
      { variables: [variable('A', 'y'), variable('B', '$A '.repeat(333_333))] },
      'one pass',
    ],
    ['1 MB of dollars', { variables: [variable('A', '$'.repeat(1_000_000))] }, 'one pass'],
    [
      'braces never closed',
      { variables: [variable('A', '${'.repeat(500_000))] },
      'no search twice',
    ],
    [
      'a name of 1 MB',
      { variables: [variable('A'.repeat(1_000_000), '$A')] },
      'no pattern that goes back',
    ],
  ];
  it('with a step name of 3 MB is refused with a short message', () => {
    const steps = [{ name: 'x'.repeat(3_000_000), script: ['x'] }];
    const job = parseJobPayload(payloadJson({ steps }));
    const rejection = checkJob(job);
    assert.match(rejection ?? '', /cannot use for a stage/);
    assertSummary(contextOf({ context: { job, rejection } }));
  });

  for (const [name, changes, why] of cases) {
    it(`with ${name} is read and planned quickly: ${why}`, () => {
      const json = JSON.parse(JSON.stringify(payloadJson(changes))) as Json;
      const before = process.cpuUsage();
      const job = parseJobPayload(json);
      assert.equal(checkJob(job), undefined);
      const context = contextOf({ context: { job } });
      buildVariables(context, { jobStatus: 'running' }).environment();
      assertSummary(context);
      const { user, system } = process.cpuUsage(before);
      const usedMs = (user + system) / 1_000;
      // CPU time, which a busy machine does not lengthen: 10 to 60 ms, far below anything
      // quadratic.
      assert.ok(usedMs < 1_000, `${usedMs} ms of CPU time`);
    });
  }
});
