import { isGrpcServiceError } from '@temporalio/client';

/** Source: the gRPC status NOT_FOUND. */
const NOT_FOUND = 5;

/** Whether Temporal has answered that there is no such workflow. */
export function isNotFound(error: unknown): boolean {
  if (!isGrpcServiceError(error)) return false;
  const code: number = error.code;
  return code === NOT_FOUND;
}
