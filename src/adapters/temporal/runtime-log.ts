import { ApplicationFailure } from '@temporalio/common';
import { DefaultLogger, type LogEntry, type Runtime } from '@temporalio/worker';
import type { Clock, Log, LogFields } from '../../ports/index.ts';
import { FailureType } from '../../domain/failure.ts';

/** Each of our workers serves either workflows or activities. */
const ON_PURPOSE = /^No (activities|workflows) registered/;
/** While Temporal is away the SDK tells each of its tries, some five a second. */
const REPEAT_MS = 60_000;

interface Bridge {
  readonly log: Log;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

/** Sends what the SDK has to say into the program's log. To be called before anything else of the SDK. */
export function bridgeTemporalLog(runtime: typeof Runtime, { log, clock }: Bridge): void {
  const isNews = createNewsFilter(clock);
  runtime.install({
    logger: new DefaultLogger('INFO', (entry) => {
      const { level, message, fields, news = message, isOwn } = describeEntry(entry);
      if (level === 'ERROR') log.error(message, fields);
      else if (level === 'INFO' && isOwn === true) log.info(message, fields);
      else if (level === 'WARN' && !ON_PURPOSE.test(message) && isNews(news))
        log.warn(message, fields);
      else log.debug(message, fields);
    }),
    shutdownSignals: [], // ours mean something else
    telemetryOptions: { logging: { forward: {}, filter: 'WARN' } },
  });
}

interface Entry extends Pick<LogEntry, 'level' | 'message'> {
  readonly fields: LogFields;
  /** What makes it another one than the last; the message itself unless set. */
  readonly news?: string;
  /** Said by a workflow of this program, not by the SDK. */
  readonly isOwn?: true;
}

const FINAL: ReadonlySet<string> = new Set(Object.values(FailureType));

/**
 * A step that fails for good says nothing new: the build ends by it, and the line about its end has the
 * cause. One that is tried again is told in the words of the program.
 */
function describeEntry({ level, message, meta = {} }: LogEntry): Entry {
  const asItIs = { level, message, fields: { ...meta, sdk: 'temporal' } };
  const { error, activityType, workflowId, attempt, sdkComponent } = meta as LogFields;
  if (sdkComponent === 'workflow') return { level, message, fields: ownFields(meta), isOwn: true };
  if (message !== 'Activity failed' || !(error instanceof ApplicationFailure)) return asItIs;
  if (FINAL.has(error.type ?? '')) return { ...asItIs, level: 'DEBUG' };
  if (error.type !== 'Transient') return asItIs;
  return {
    level,
    message: 'a step did not succeed, it is tried again',
    fields: { step: activityType, build: workflowId, tries: attempt, reason: error.message },
    news: `${String(activityType)} ${error.message}`,
  };
}

/** Which process of Temporal's runs it matters to nobody; which workflow it is does. */
function ownFields(meta: LogFields): LogFields {
  const of = new Set(['sdkComponent', 'namespace', 'taskQueue', 'runId', 'workflowType']);
  const own = Object.entries(meta).filter(([key]) => !of.has(key) && key !== 'workflowId');
  return { workflow: meta['workflowId'], ...Object.fromEntries(own) };
}

/** Whether a message was not said within the last minute, whatever numbers are in it. */
function createNewsFilter({ monotonicMs }: Bridge['clock']): (message: string) => boolean {
  const saidMs = new Map<string, number>();
  return (message) => {
    const kind = message.replaceAll(/\d+/g, '#');
    const nowMs = monotonicMs();
    if (nowMs - (saidMs.get(kind) ?? -Infinity) < REPEAT_MS) return false;
    saidMs.set(kind, nowMs);
    return true;
  };
}
