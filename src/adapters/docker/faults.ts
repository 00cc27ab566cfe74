import { FailureType, FinalError, TransientError } from '../../domain/failure.ts';
import { isRefusedForGood } from './refused-starts.ts';

/** An answer that is not the one hoped for. */
export interface Refusal {
  readonly status: number;
  /** Docker's own words. */
  readonly message: string;
}

export interface RefusedAction {
  /** What was tried, with its value: `create container "x"`. */
  readonly doing: string;
  /** Label of the daemon. */
  readonly address: string;
  /** What a 400 counts as. */
  readonly badRequest?: FailureType;
  /** Whether this refusal is the same as those before it, and will stay so. Counts it. */
  readonly isLasting?: (refusal: Refusal) => boolean;
}

/** Statuses of a daemon that is busy or in trouble, or of two callers in each other's way. */
function isPassing(status: number): boolean {
  // 501: it cannot do this, and will not learn it.
  return (status >= 500 && status !== 501) || [408, 409, 423, 425, 429].includes(status);
}

/** The fault that a refused call is thrown as. */
export function refusalFault(refusal: Refusal, action: RefusedAction): TransientError | FinalError {
  const { status } = refusal;
  if (isPassing(status)) {
    const isLasting = action.isLasting?.(refusal) ?? false;
    if (!isLasting) return new TransientError(refusalText(refusal, action));
    const text = `${refusalText(refusal, action)}; it has answered so each time, and is not asked again`;
    return new FinalError(FailureType.RunnerSystem, text);
  }
  const type = status === 400 ? action.badRequest : undefined;
  return new FinalError(type ?? FailureType.RunnerSystem, refusalText(refusal, action));
}

function refusalText({ status, message }: Refusal, { doing, address }: RefusedAction): string {
  return `cannot ${doing}: Docker at ${address} answered ${status}: ${message}`;
}

/**
 * The fault of a container that could not be started. What its image lacks or the node's kernel does
 * not allow stays so: the same start would fail again. It counts as a fault of the system, as
 * gitlab-runner counts it.
 */
export function startFault(refusal: Refusal, action: RefusedAction): TransientError | FinalError {
  if (!isRefusedForGood(refusal.message)) return refusalFault(refusal, action);
  // Whatever the status: older Dockers and Podman answer 500 for a program that the image lacks.
  return new FinalError(FailureType.RunnerSystem, refusalText(refusal, action));
}

/** The fault of a daemon that could not be asked at all. Passes as soon as the daemon is back. */
export function unreachableFault(error: unknown, action: RefusedAction): TransientError {
  const code = codeOf(error);
  const words = error instanceof Error ? error.message.trim() : String(error);
  const advice = adviceFor(code);
  return new TransientError(
    `cannot ${action.doing}: cannot reach Docker at ${action.address}: ${words}; ${advice}`,
    { cause: error },
  );
}

/** The fault of a daemon that took a call but not the time to answer it. */
export function timeoutFault(limitMs: number, action: RefusedAction): TransientError {
  return new TransientError(
    `cannot ${action.doing}: Docker at ${action.address} did not answer within ${limitMs / 1000} s; look at the load of its node and at its log`,
  );
}

/** The fault of an answer in a shape that this program does not know. */
export function nonsenseFault(cause: unknown, action: RefusedAction): FinalError {
  return new FinalError(
    FailureType.RunnerSystem,
    `cannot ${action.doing}: the answer of Docker at ${action.address} is not understood; is its version supported?`,
    { cause },
  );
}

export function isFault(error: unknown): error is TransientError | FinalError {
  return error instanceof TransientError || error instanceof FinalError;
}

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

function adviceFor(code: string): string {
  switch (code) {
    case 'ENOENT':
      return 'the socket does not exist: start Docker, or set host in [runners.docker] or DOCKER_HOST';
    case 'EACCES':
    case 'EPERM':
      return 'let the user of this program use the socket, such as by the group docker';
    case 'ECONNREFUSED':
      return 'nothing listens there: start Docker, or correct host in [runners.docker] or DOCKER_HOST';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the name is not known: correct host in [runners.docker] or DOCKER_HOST';
    case 'ECONNRESET':
    case 'EPIPE':
      return 'the connection was lost: Docker may be restarting';
    default:
      return /CERT|TLS|SSL|SIGN|ISSUER/.test(code)
        ? 'check tls_cert_path and tls_verify in [runners.docker]'
        : 'check that Docker runs there';
  }
}
