import { ApplicationFailure } from '@temporalio/common';
import {
  DefaultLogger,
  type LogEntry,
  type MetricsExporterConfig,
  type Runtime,
} from '@temporalio/worker';
import type { Clock, Log, LogFields } from '../../ports/index.ts';
import { END_OF_BUILD } from '../../domain/build/end-text.ts';
import { FailureType } from '../../domain/failure.ts';

/**
 * These warnings are expected: each of our workers serves either workflows or activities, and a
 * workflow task that took too long on a busy machine is given out again by Temporal.
 */
const EXPECTED = /^(No (activities|workflows) registered|Task not found when completing)/;
/**
 * While Temporal is away the SDK logs each of its tries, about five per second. Each message is
 * logged once in this time.
 */
const REPEAT_MS = 60_000;

interface Bridge {
  readonly log: Log;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** The address of the SDK's own metrics; undefined when there are none. */
  readonly metricsAddress?: string | undefined;
}

/** Sends the SDK's messages to the program's log. Call it before anything else of the SDK. */
export function bridgeTemporalLog(
  runtime: typeof Runtime,
  { log, clock, metricsAddress }: Bridge,
): void {
  const isFirst = createRepeatFilter(clock);
  runtime.install({
    logger: new DefaultLogger('INFO', (entry) => {
      const { level, message, fields, repeatKey = message, isOwn } = describeEntry(entry);
      if (level === 'ERROR') log.error(message, fields);
      else if (level === 'INFO' && isOwn === true) log.info(message, fields);
      else if (level === 'WARN' && !EXPECTED.test(message) && isFirst(repeatKey))
        log.warn(message, fields);
      else log.debug(message, fields);
    }),
    shutdownSignals: [], // The program itself handles the signals.
    telemetryOptions: {
      logging: { forward: {}, filter: 'WARN' },
      ...(metricsAddress !== undefined && { metrics: metricsExporter(metricsAddress) }),
    },
  });
}

function metricsExporter(bindAddress: string): MetricsExporterConfig {
  return {
    prometheus: {
      bindAddress,
      countersTotalSuffix: true,
      unitSuffix: true,
      useSecondsForDurations: true,
    },
  };
}

interface Entry extends Pick<LogEntry, 'level' | 'message'> {
  readonly fields: LogFields;
  /** Messages with the same key count as repetitions; the default is the message itself. */
  readonly repeatKey?: string;
  /** True: a workflow of this program logged it, not the SDK. */
  readonly isOwn?: true;
}

const FINAL: ReadonlySet<string> = new Set(Object.values(FailureType));

/**
 * Describes a message of the SDK. A build that fails because its job did, and a step that fails for
 * good, need no line of their own, because the line about the build's end has the cause. A step
 * that is tried again is described in this program's words.
 */
function describeEntry({ level, message, meta = {} }: LogEntry): Entry {
  const asItIs = { level, message, fields: { ...meta, sdk: 'temporal' } };
  const { error, activityType, workflowId, attempt, sdkComponent } = meta as LogFields;
  if (sdkComponent === 'workflow') return { level, message, fields: ownFields(meta), isOwn: true };
  if (END_OF_BUILD in meta) return { ...asItIs, level: 'DEBUG' };
  if (message !== 'Activity failed' || !(error instanceof ApplicationFailure)) return asItIs;
  if (FINAL.has(error.type ?? '')) return { ...asItIs, level: 'DEBUG' };
  if (error.type !== 'Transient') return asItIs;
  return {
    level,
    message: 'a step did not succeed, it is tried again',
    fields: { step: activityType, build: workflowId, tries: attempt, reason: error.message },
    repeatKey: `${String(activityType)} ${error.message}`,
  };
}

/**
 * Returns the fields that belong in the log. The process that runs a workflow is irrelevant; the
 * workflow is not.
 */
function ownFields(meta: LogFields): LogFields {
  const of = new Set(['sdkComponent', 'namespace', 'taskQueue', 'runId', 'workflowType']);
  const own = Object.entries(meta).filter(([key]) => !of.has(key) && key !== 'workflowId');
  return { workflow: meta['workflowId'], ...Object.fromEntries(own) };
}

/** Returns whether a message was not logged within the last minute, ignoring numbers in it. */
function createRepeatFilter({ monotonicMs }: Bridge['clock']): (message: string) => boolean {
  const saidMs = new Map<string, number>();
  return (message) => {
    const kind = message.replaceAll(/\d+/g, '#');
    const nowMs = monotonicMs();
    if (nowMs - (saidMs.get(kind) ?? -Infinity) < REPEAT_MS) return false;
    saidMs.set(kind, nowMs);
    return true;
  };
}
