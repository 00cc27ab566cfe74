import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { idsOf, isTracingWanted } from '../../../src/adapters/tracing/tracer.ts';

describe('tracing', () => {
  const cases: [env: Readonly<Record<string, string>>, wanted: boolean, why: string][] = [
    [{}, false, 'off unless it is set'],
    [{ OTEL_SERVICE_NAME: 'ci' }, false, 'a name alone says not where to'],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: '' }, false, 'as compose passes on what is not set'],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }, true, 'an address for all signals'],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c/t' }, true, 'one for traces'],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318', OTEL_SDK_DISABLED: 'TRUE' },
      false,
      'turned off as a whole',
    ],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318', OTEL_TRACES_EXPORTER: 'none' },
      false,
      'no traces wanted',
    ],
  ];
  for (const [env, wanted, why] of cases) {
    it(`is ${wanted ? 'on' : 'off'} with ${JSON.stringify(env)}: ${why}`, () => {
      assert.equal(isTracingWanted(env), wanted);
    });
  }

  it('derives the trace of a build from its id, in every process and on every node', () => {
    const { traceId, spanId } = idsOf('build/gitlab.example.com/abc/4711');
    assert.match(traceId, /^[0-9a-f]{32}$/);
    assert.match(spanId, /^[0-9a-f]{16}$/);
    assert.deepEqual(idsOf('build/gitlab.example.com/abc/4711'), { traceId, spanId });
    assert.notEqual(idsOf('build/gitlab.example.com/abc/4712').traceId, traceId);
  });
});
