import { readAnyText, readBoolean, readFields, readList } from './json-reader.ts';
import type { JobVariable } from './payload.ts';

/** GitLab's own limits lie far below. */
const MAX_VARIABLES = 20_000;

/** The variables of a job or of one service, in the order of precedence. */
export const readVariables = readList(readVariable, MAX_VARIABLES);

/** Key and value may hold anything: what cannot be exported is left out then, and said so. */
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
