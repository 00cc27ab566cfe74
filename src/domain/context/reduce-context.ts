import { emptyPayload } from '../job/parse-payload.ts';
import type { BuildContext } from './context.ts';

/** What is left of a context when the whole one is too large: who asked, and how GitLab is told. */
export function reduceContext(context: BuildContext): BuildContext {
  const { id, token, features } = context.job;
  return { ...context, job: { ...emptyPayload({ id, token }), features } };
}
