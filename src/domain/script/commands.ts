import { CLEAR_LINE } from '../colours.ts';
import { trimGoSpace } from '../job/go-space.ts';
import { quote } from './quote.ts';
import { failWith, formatNotice, sayNotice } from './say.ts';

/** The style in which the commands of a job are printed and checked. */
export interface CommandStyle {
  /** Commands with several lines appear as a collapsed section (FF_SCRIPT_SECTIONS). */
  readonly hasSections: boolean;
  /** FF_ENABLE_BASH_EXIT_CODE_CHECK: catches failures that errexit misses. */
  readonly checksExitCodes: boolean;
}

/**
 * Script lines that print and run each command of a list. `prefix` names sections in the trace.
 * Source: gitlab-runner `shells/abstract.go` (writeCommands).
 */
export function formatCommands(
  prefix: string,
  commands: readonly string[],
  style: CommandStyle,
): readonly string[] {
  const fault = commandsFault(commands);
  if (fault !== undefined) return failWith(fault);
  return commands
    .map(trimGoSpace)
    .flatMap((text, index) => [
      ...showCommand(text, `${prefix}_${index}`, style),
      text,
      ...(style.checksExitCodes
        ? ['_runner_code=$?; if [ $_runner_code -ne 0 ]; then exit $_runner_code; fi']
        : []),
    ]);
}

/** Returns why no shell can run these commands; undefined when one can. */
function commandsFault(commands: readonly string[]): string | undefined {
  const index = commands.findIndex((text) => text.includes('\0'));
  if (index === -1) return undefined;
  return `command ${index + 1} of the script holds a NUL byte, which no shell can run`;
}

function showCommand(text: string, section: string, style: CommandStyle): readonly string[] {
  if (text === '') return ['echo'];
  const end = text.indexOf('\n');
  if (end === -1) return [sayNotice(`$ ${text}`)];
  if (!style.hasSections) {
    return [sayNotice(`$ ${text.slice(0, end)} # collapsed multi-line command`)];
  }
  const now = '"$(date +%s)"';
  const title = formatNotice(`$ ${text}`);
  const options = '[hide_duration=true,collapsed=true]';
  return [
    `printf 'section_start:%s:%s\\n' ${now} ${quote(`section_${section}${options}\r${CLEAR_LINE}${title}`)}`,
    `printf 'section_end:%s:%s\\n' ${now} ${quote(`section_${section}\r${CLEAR_LINE}`)}`,
  ];
}
