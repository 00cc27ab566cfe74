import { DefaultLogger, type Runtime } from '@temporalio/worker';
import type { Log } from '../../activities/ports.ts';

/** Each of our workers serves either workflows or activities. */
const ON_PURPOSE = /^No (activities|workflows) registered/;

/** Sends what the SDK has to say into the program's log. To be called before anything else of the SDK. */
export function bridgeTemporalLog(runtime: typeof Runtime, log: Log): void {
  runtime.install({
    logger: new DefaultLogger('INFO', ({ level, message, meta }) => {
      const fields = { ...meta, sdk: 'temporal' };
      if (level === 'ERROR') log.error(message, fields);
      else if (level === 'WARN' && !ON_PURPOSE.test(message)) log.warn(message, fields);
      else log.debug(message, fields);
    }),
    shutdownSignals: [], // ours mean something else
    telemetryOptions: { logging: { forward: {}, filter: 'WARN' } },
  });
}
