import { FailureType } from '../failure.ts';
import { isObject } from '../is-object.ts';
import {
  FAILURE_REASONS,
  TIME_LIMITS,
  type BuildOutcome,
  type ExceededLimit,
  type FailureReason,
  type StageOutcome,
} from './outcome.ts';

/** Reads a node's note about the end of a stage; undefined for anything else. */
export function parseStageOutcome(value: unknown): StageOutcome | undefined {
  if (!isObject(value)) return undefined;
  const { kind, isIncomplete, exitCode, type, message } = value;
  switch (kind) {
    case 'succeeded':
      return isIncomplete === true ? { kind, isIncomplete } : { kind };
    case 'stopped':
      return { kind };
    case 'script_failed':
      return typeof exitCode === 'number' ? { kind, exitCode } : undefined;
    case 'system_failed':
      return isFailureType(type) && typeof message === 'string'
        ? { kind, type, message }
        : undefined;
    default:
      return undefined;
  }
}

/** Reads a node's note about the end of a build; undefined for anything else. */
export function parseBuildOutcome(value: unknown): BuildOutcome | undefined {
  if (!isObject(value)) return undefined;
  const { state, wasTakenBack } = value;
  switch (state) {
    case 'success':
    case 'canceled':
      return { state };
    case 'aborted':
      return wasTakenBack === true ? { state, wasTakenBack } : { state };
    case 'failed':
      return parseFailure(value);
    default:
      return undefined;
  }
}

/**
 * Reads a failed outcome. The exit code may be absent, because JSON leaves out undefined fields.
 */
function parseFailure({
  reason,
  exitCode,
  message,
  exceeded: limit,
}: Readonly<Record<string, unknown>>): BuildOutcome | undefined {
  const isCode = exitCode === undefined || typeof exitCode === 'number';
  if (!isFailureReason(reason) || !isCode || typeof message !== 'string') return undefined;
  const exceeded = parseExceeded(limit);
  return { state: 'failed', reason, exitCode, message, ...(exceeded && { exceeded }) };
}

/** Reads the exceeded limit. The note is usable without it, because it is only shown to people. */
function parseExceeded(value: unknown): ExceededLimit | undefined {
  if (!isObject(value) || typeof value['timeoutMs'] !== 'number') return undefined;
  const limit = TIME_LIMITS.find((name) => name === value['limit']);
  return limit && { limit, timeoutMs: value['timeoutMs'] };
}

function isFailureType(value: unknown): value is FailureType {
  return Object.values<unknown>(FailureType).includes(value);
}

function isFailureReason(value: unknown): value is FailureReason {
  return FAILURE_REASONS.some((reason) => reason === value);
}
