import { DefaultLogger, type Runtime } from '@temporalio/worker';
import type { Clock, Log } from '../../activities/ports.ts';

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
    logger: new DefaultLogger('INFO', ({ level, message, meta }) => {
      const fields = { ...meta, sdk: 'temporal' };
      if (level === 'ERROR') log.error(message, fields);
      else if (level === 'WARN' && !ON_PURPOSE.test(message) && isNews(message))
        log.warn(message, fields);
      else log.debug(message, fields);
    }),
    shutdownSignals: [], // ours mean something else
    telemetryOptions: { logging: { forward: {}, filter: 'WARN' } },
  });
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
