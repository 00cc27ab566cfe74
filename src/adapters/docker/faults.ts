import { errorMessage } from '../../domain/error-message.ts';
import { FailureType, FinalError, TransientError } from '../../domain/failure.ts';
import { refusedForGood } from './refused-creates.ts';
import { isRefusedForGood } from './refused-starts.ts';
import { errorCode } from '../host/error-code.ts';

/** An answer with an unexpected status. */
export interface Refusal {
  readonly status: number;
  /** Docker's own message. */
  readonly message: string;
}

/** What was attempted, for the error of a call that failed. */
export interface ActionContext {
  /** The attempted action, with its value: `create container "x"`. */
  readonly doing: string;
  /** Label of the daemon. */
  readonly address: string;
  /** The failure type for a status of 400. */
  readonly badRequest?: FailureType;
  /** Counts a refusal, and returns whether it has repeated so often that it will not change. */
  readonly isLasting?: (refusal: Refusal) => boolean;
}

/** Whether the daemon is only overloaded or broken, or two callers conflict. */
function isPassing(status: number): boolean {
  // 501 is permanent: the daemon does not support the call.
  return (status >= 500 && status !== 501) || [408, 409, 423, 425, 429].includes(status);
}

/**
 * Matches Podman's words for an image that cannot have this name. It answers 500 to these, and
 * Docker 400.
 */
const INVALID_NAME =
  /^normalizing image: .*(?:invalid (?:reference|tag|digest|checksum|format)|repository name must|unsupported digest)/i;

/**
 * Returns the error for something that could not be created. Podman answers 500 also when no later
 * try will succeed.
 */
export function createFault(refusal: Refusal, action: ActionContext): TransientError | FinalError {
  const { status, message } = refusal;
  const lasting = status === 500 ? refusedForGood(message) : undefined;
  if (lasting === undefined) return refusalFault(refusal, action);
  const { type, advice } = lasting;
  const text = refusalText(refusal, action);
  return new FinalError(type, advice === undefined ? text : `${text}; ${advice}`);
}

/** Matches Docker's words when every subnet that it may give to networks is in use. */
const NO_SUBNET_LEFT =
  /address pools have been fully subnetted|available, non-overlapping IPv[46] address pool/i;
const NO_SUBNET_ADVICE =
  'remove networks that nobody needs, give Docker more subnets by default-address-pools in its daemon.json, or lower concurrent';

/**
 * Returns the error for a network that could not be created. Subnets that are in use become free
 * when other builds end.
 */
export function networkFault(refusal: Refusal, action: ActionContext): TransientError | FinalError {
  if (!NO_SUBNET_LEFT.test(refusal.message)) return createFault(refusal, action);
  const text = `${refusalText(refusal, action)}; ${NO_SUBNET_ADVICE}`;
  return new TransientError(text, { from: 'docker', status: refusal.status });
}

/** Matches Docker's words when the file system does not let root choose a file's owner. */
const NO_OWNER = /\blchown .*: operation not permitted/i;
const NO_OWNER_ADVICE =
  'root may not change owners there, as on NFS with root_squash: export it with no_root_squash, or use a directory of the node itself';

/** Returns the error for files that could not be written into a container. */
export function archiveFault(refusal: Refusal, action: ActionContext): TransientError | FinalError {
  if (!NO_OWNER.test(refusal.message)) return refusalFault(refusal, action);
  const text = `${refusalText(refusal, action)}; ${NO_OWNER_ADVICE}`;
  return new FinalError(FailureType.RunnerSystem, text);
}

/** Returns the error for a refused call. */
export function refusalFault(refusal: Refusal, action: ActionContext): TransientError | FinalError {
  const status = INVALID_NAME.test(refusal.message) ? 400 : refusal.status;
  if (isPassing(status)) {
    const isLasting = action.isLasting?.(refusal) ?? false;
    if (!isLasting) {
      return new TransientError(refusalText(refusal, action), { from: 'docker', status });
    }
    const text = `${refusalText(refusal, action)}; it has answered so each time, and is not asked again`;
    return new FinalError(FailureType.RunnerSystem, text);
  }
  const type = status === 400 ? action.badRequest : undefined;
  return new FinalError(type ?? FailureType.RunnerSystem, refusalText(refusal, action));
}

function refusalText({ status, message }: Refusal, { doing, address }: ActionContext): string {
  return `cannot ${doing}: Docker at ${address} answered ${status}: ${message}`;
}

/**
 * Returns the error for a container that could not be started. Something missing from its image or
 * forbidden by the node's kernel is permanent: another start would fail the same way. As in
 * gitlab-runner, it counts as a system fault.
 */
export function startFault(refusal: Refusal, action: ActionContext): TransientError | FinalError {
  if (!isRefusedForGood(refusal.message)) return refusalFault(refusal, action);
  // The status is ignored, because older Dockers and Podman answer 500 when the image lacks the
  // program.
  return new FinalError(FailureType.RunnerSystem, refusalText(refusal, action));
}

/** Returns the error for a daemon that could not be reached. It is transient. */
export function unreachableFault(error: unknown, action: ActionContext): TransientError {
  const code = errorCode(error) ?? '';
  const words = errorMessage(error).trim();
  const advice = adviceFor(code);
  return new TransientError(
    `cannot ${action.doing}: cannot reach Docker at ${action.address}: ${words}; ${advice}`,
    { cause: error, from: 'docker' },
  );
}

/** Returns the error for a daemon that did not answer in time. */
export function timeoutFault(limitMs: number, action: ActionContext): TransientError {
  return new TransientError(
    `cannot ${action.doing}: Docker at ${action.address} did not answer within ${limitMs / 1000} s; look at the load of its node and at its log`,
    { from: 'docker' },
  );
}

/** Returns the error for an answer that does not match its schema. */
export function invalidReplyFault(cause: unknown, action: ActionContext): FinalError {
  return new FinalError(
    FailureType.RunnerSystem,
    `cannot ${action.doing}: the answer of Docker at ${action.address} is not understood; is its version supported?`,
    { cause },
  );
}

export function isFault(error: unknown): error is TransientError | FinalError {
  return error instanceof TransientError || error instanceof FinalError;
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
