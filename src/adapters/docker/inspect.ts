import type { z } from 'zod';
import { parseReply, type DaemonCall, type ExpectOptions } from './daemon.ts';
import type { EngineParts } from './engine-parts.ts';

interface Inspecting<T> extends Pick<ExpectOptions, 'signal' | 'badRequest'> {
  readonly schema: z.ZodType<T>;
}

/**
 * Docker's answer about an object, such as a container or an image; undefined when it does not
 * exist.
 */
export async function inspect<T>(
  { daemon, timing }: EngineParts,
  asked: Omit<DaemonCall, 'method'>,
  { schema, ...rest }: Inspecting<T>,
): Promise<T | undefined> {
  const call: DaemonCall = { ...asked, method: 'GET' };
  const options = { ...rest, limitMs: timing.callLimitMs, accept: [200, 404] };
  const { status, body } = await daemon.expect(call, options);
  return status === 404 ? undefined : parseReply(schema, body, daemon.action(call));
}
