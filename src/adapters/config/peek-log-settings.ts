import { readFileSync } from 'node:fs';
import { LOG_FORMATS, logLevelOf } from './log-choices.ts';

export interface LogKeys {
  readonly level: string | undefined;
  readonly format: string | undefined;
}

/**
 * Reads the log settings of the config file early, for messages before the whole file is read,
 * including the message that it cannot be read. Looks only at the lines above the first table.
 */
export function peekLogSettings(path: string): LogKeys {
  const text = readText(path);
  const top = text.slice(0, /^[ \t]*\[/m.exec(text)?.index);
  return {
    level: logLevelOf(valueOf('log_level', top)),
    format: LOG_FORMATS.find((known) => known === valueOf('log_format', top)),
  };
}

function valueOf(key: string, text: string): string {
  const line = new RegExp(`^[ \\t]*${key}[ \\t]*=[ \\t]*["'](\\w+)["']`, 'm');
  return line.exec(text)?.[1] ?? '';
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // The code that reads the whole file reports the reason.
  }
}
