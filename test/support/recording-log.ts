import type { Log, LogFields } from '../../src/ports/index.ts';

export interface Said {
  readonly level: keyof Log;
  readonly message: string;
  readonly fields: LogFields;
}

/** Creates a log that records its lines for tests. */
export function recordingLog() {
  const said: Said[] = [];
  const warnings: Said[] = [];
  const say =
    (level: keyof Log) =>
    (message: string, fields: LogFields = {}): void => {
      said.push({ level, message, fields });
      if (level === 'warn') warnings.push({ level, message, fields });
    };
  const log: Log = {
    debug: say('debug'),
    info: say('info'),
    warn: say('warn'),
    error: say('error'),
  };
  return { log, said: said as readonly Said[], warnings: warnings as readonly Said[] };
}
