import { readFileSync } from 'node:fs';
import { LOG_FORMATS, LOG_LEVELS } from './log-choices.ts';

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
    level: valueOf('log_level', top, LOG_LEVELS),
    format: valueOf('log_format', top, LOG_FORMATS),
  };
}

function valueOf(key: string, text: string, known: readonly string[]): string | undefined {
  const value = new RegExp(`^[ \\t]*${key}[ \\t]*=[ \\t]*["'](\\w+)["']`, 'm').exec(text)?.[1];
  return value !== undefined && known.includes(value) ? value : undefined;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // The code that reads the whole file reports the reason.
  }
}
