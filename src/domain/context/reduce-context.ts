import { emptyPayload } from '../job/parse-payload.ts';
import type { BuildContext } from './context.ts';

/** Reduces a context that is too large to what is needed to report the job to GitLab. */
export function reduceContext(context: BuildContext): BuildContext {
  const { id, token, features } = context.job;
  return { ...context, job: { ...emptyPayload({ id, token }), features } };
}
