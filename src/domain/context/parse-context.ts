import { isObject } from '../is-object.ts';
import type { JobPayload } from '../job/payload.ts';
import type { RunnerConfig } from '../runner/config.ts';
import type { BuildContext, ProgramInfo } from './context.ts';

type Fields<T> = readonly (keyof T & string)[];

const TEXTS: Fields<BuildContext> = ['buildId', 'systemId', 'entropy', 'correlationId'];
const NUMBERS: Fields<BuildContext> = ['concurrentId', 'concurrentProjectId', 'receivedAtMs'];
const JOB_LISTS: Fields<JobPayload> = ['variables', 'steps', 'services', 'artifacts', 'cache'];
const JOB_PARTS: Fields<JobPayload> = ['job_info', 'git_info', 'runner_info', 'image', 'features'];
const RUNNER_TEXTS: Fields<RunnerConfig> = ['key', 'name', 'url', 'token', 'buildsDir'];
const PROGRAM_TEXTS: Fields<ProgramInfo> = ['name', 'version', 'revision', 'platform', 'hostname'];

/**
 * Reads the record of a build, from a node's disk or from the encrypted job that its workflow
 * carries; undefined for anything else. Only a program with the installation's key can have written
 * it. So this checks that it is such a record, but not every value in it. Fields that an older
 * release did not know are absent.
 */
export function parseContext(value: unknown): BuildContext | undefined {
  return isContext(value) ? value : undefined;
}

function isContext(value: unknown): value is BuildContext {
  if (!isObject(value)) return false;
  const { job, runner, program } = value;
  return (
    hasAll(value, TEXTS, isText) &&
    hasAll(value, NUMBERS, isNumber) &&
    isJob(job) &&
    isRunner(runner) &&
    hasAll(program, PROGRAM_TEXTS, isText) &&
    hasRightAdditions(value)
  );
}

/** Checks the optional fields. JSON leaves out a field whose value is undefined. */
function hasRightAdditions(record: Readonly<Record<string, unknown>>): boolean {
  const { rejection, secretVariables, exports, lostFiles, adoption, session } = record;
  const { runnerWorkflowId } = record;
  return (
    isAbsentOr(rejection, isText) &&
    isAbsentOr(lostFiles, isText) &&
    isAbsentOr(runnerWorkflowId, isText) &&
    isAbsentOr(secretVariables, isVariables) &&
    isAbsentOr(exports, isTexts) &&
    isAbsentOr(adoption, isAdoption) &&
    isAbsentOr(session, (keys) => hasAll(keys, ['id', 'token'], isText))
  );
}

function isJob(job: unknown): boolean {
  return (
    hasAll(job, ['id'], isNumber) &&
    hasAll(job, ['token'], isText) &&
    hasAll(job, JOB_LISTS, Array.isArray) &&
    hasAll(job, JOB_PARTS, isObject) &&
    isObject(job) &&
    isVariables(job['variables'])
  );
}

function isRunner(runner: unknown): boolean {
  return (
    hasAll(runner, RUNNER_TEXTS, isText) &&
    hasAll(runner, ['environment'], isTexts) &&
    hasAll(runner, ['docker'], isObject)
  );
}

function isVariables(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => hasAll(each, ['key', 'value'], isText));
}

function isAdoption(value: unknown): boolean {
  return hasAll(value, ['term'], isNumber) && hasAll(value, ['from'], isObject);
}

function hasAll(
  value: unknown,
  fields: readonly string[],
  isRight: (value: unknown) => boolean,
): boolean {
  return isObject(value) && fields.every((field) => isRight(value[field]));
}

function isAbsentOr(value: unknown, isRight: (value: unknown) => boolean): boolean {
  return value === undefined || isRight(value);
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every(isText);
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number';
}
