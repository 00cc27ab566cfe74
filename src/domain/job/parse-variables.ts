import { readAnyText, readBoolean, readFields, readList } from './json-reader.ts';
import type { JobVariable } from './payload.ts';

/** The limit is far above GitLab's own limits. */
const MAX_VARIABLES = 20_000;

/** Reads the variables of a job or of one service, in the order of precedence. */
export const readVariables = readList(readVariable, MAX_VARIABLES);

/**
 * Reads a variable. Key and value may be any text. A variable that cannot be exported is skipped
 * later, with a warning.
 */
function readVariable(value: unknown, path: string): JobVariable {
  const variable = readFields(value, path);
  return {
    key: variable.read('key', readAnyText),
    value: variable.read('value', readAnyText),
    public: variable.read('public', readBoolean),
    file: variable.read('file', readBoolean),
    masked: variable.read('masked', readBoolean),
    raw: variable.read('raw', readBoolean),
  };
}
