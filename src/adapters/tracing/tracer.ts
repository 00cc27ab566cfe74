import { createHash } from 'node:crypto';
import type { Attributes } from '@opentelemetry/api';

type Environment = Readonly<Record<string, string | undefined>>;

/** A part of a build's life that has ended. */
export interface EndedSpan {
  readonly name: string;
  readonly buildId: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  /** Why it failed, in words that everybody may read. */
  readonly fault?: string | undefined;
  /** True: the span is the whole build, and all other spans of the build are parts of it. */
  readonly isWhole?: boolean;
}

/** Sends spans to the receiver that the OTEL variables name. */
export interface Tracer {
  record(span: EndedSpan): void;
  /** Sends the remaining spans, for at most a few seconds. */
  close(): Promise<void>;
}

export interface TracerOptions {
  readonly env: Environment;
  readonly version: string;
  readonly node: string;
  /** Called with faults of sending. */
  readonly warn: (message: string) => void;
}

const CLOSE_LIMIT_MS = 3_000;

/** Whether OpenTelemetry's own variables ask for tracing. */
export function isTracingWanted(env: Environment): boolean {
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return false;
  if (env['OTEL_TRACES_EXPORTER'] === 'none') return false;
  return ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'].some(
    (name) => (env[name] ?? '') !== '',
  );
}

/**
 * Opens the tracer. Only this function loads the packages, because they cost time and memory that
 * most nodes save.
 */
export async function openTracer({ env, version, node, warn }: TracerOptions): Promise<Tracer> {
  const [api, sdk, exporting, resources] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace-base'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  const said = { debug: () => undefined, verbose: () => undefined, info: () => undefined };
  api.diag.setLogger({ ...said, warn, error: warn }, api.DiagLogLevel.WARN);
  const ids = createIds();
  const resource = resources
    .resourceFromAttributes({
      'service.name': env['OTEL_SERVICE_NAME'] || 'temporal-gitlab-runner',
      'service.version': version,
      'service.instance.id': node,
    })
    .merge(resources.detectResources({ detectors: [resources.envDetector] }));
  const provider = new sdk.BasicTracerProvider({
    resource,
    idGenerator: ids,
    spanProcessors: [new sdk.BatchSpanProcessor(new exporting.OTLPTraceExporter())],
  });
  const tracer = provider.getTracer('temporal-gitlab-runner', version);
  const parentOf = (buildId: string) =>
    api.trace.setSpanContext(api.ROOT_CONTEXT, {
      ...idsOf(buildId),
      traceFlags: api.TraceFlags.SAMPLED,
      isRemote: true,
    });
  return {
    record: ({ name, buildId, startMs, endMs, attributes, fault, isWhole = false }) => {
      if (isWhole) ids.use(idsOf(buildId));
      const options = { startTime: startMs, attributes, root: isWhole };
      const span = tracer.startSpan(name, options, isWhole ? api.ROOT_CONTEXT : parentOf(buildId));
      if (fault !== undefined) span.setStatus({ code: api.SpanStatusCode.ERROR, message: fault });
      span.end(endMs);
    },
    close: async () => {
      const limit = new Promise<void>((resolve) => setTimeout(resolve, CLOSE_LIMIT_MS).unref());
      await Promise.race([provider.shutdown().catch(() => undefined), limit]);
    },
  };
}

interface SpanIds {
  readonly traceId: string;
  readonly spanId: string;
}

/**
 * Derives the ids of a trace from the build's id. So every process and every node finds the trace
 * of a build, and nothing has to travel through workflows: their histories are the same with and
 * without tracing.
 */
export function idsOf(buildId: string): SpanIds {
  const digest = createHash('sha256').update(buildId).digest('hex');
  return { traceId: digest.slice(0, 32), spanId: digest.slice(32, 48) };
}

/** Creates random ids, except for the span of a whole build. */
function createIds() {
  let next: SpanIds | undefined;
  const random = (bytes: number): string => {
    return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) =>
      byte.toString(16).padStart(2, '0'),
    ).join('');
  };
  return {
    use: (ids: SpanIds): void => {
      next = ids;
    },
    generateSpanId: () => next?.spanId ?? random(8),
    // The SDK asks for the trace's id after the span's own, and only for a whole build.
    generateTraceId: () => {
      const id = next?.traceId ?? random(16);
      next = undefined;
      return id;
    },
  };
}
