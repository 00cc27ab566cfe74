import { ExpressionFault, type ExpressionFaultKind } from '../inputs/fault.ts';
import { createTemplates, type ExpandTemplate } from '../inputs/template.ts';
import type { Value } from '../inputs/value.ts';
import type { JobArtifact, JobCache, JobImage, JobPayload, JobStep, JsonValue } from './payload.ts';

/** How the interpolation of a job went, for metrics. */
export interface Interpolations {
  /** Number of texts in which inputs were inserted. */
  readonly texts: number;
  /** Why another text could not be interpolated; undefined when all could. */
  readonly fault: ExpressionFaultKind | undefined;
}

/** The interpolations of a job without inputs. */
export const NO_INTERPOLATIONS: Interpolations = { texts: 0, fault: undefined };

/** A job with its inputs inserted, or why that failed. */
export type InterpolatedJob = { readonly interpolations: Interpolations } & (
  | { readonly kind: 'job'; readonly job: JobPayload }
  | { readonly kind: 'fault'; readonly message: string }
);

/**
 * Inserts a job's inputs where `${{ job.inputs.… }}` may refer to them: its two scripts, image,
 * services, artifacts and caches. A job without inputs is returned unchanged, because it may use
 * these characters for something else. The message of a fault contains no input's value. Source:
 * gitlab-runner `common/spec/spec.go` (`inputs:"expand"`), `common/spec/inputs.go`.
 */
export function interpolateJob(job: JobPayload): InterpolatedJob {
  if (job.inputs.length === 0) return { kind: 'job', job, interpolations: NO_INTERPOLATIONS };
  let texts = 0;
  const templates = createTemplates(
    job.inputs.map(({ key, value }) => ({
      key,
      value: valueOf(value.content),
      isSensitive: value.sensitive,
    })),
    () => (texts += 1),
  );
  try {
    const expanded = expandJob(job, createExpanders(templates));
    return { kind: 'job', job: expanded, interpolations: { texts, fault: undefined } };
  } catch (error) {
    if (!(error instanceof ExpressionFault)) throw error;
    const { message, kind } = error;
    return { kind: 'fault', message, interpolations: { texts, fault: kind } };
  }
}

interface Expanders {
  readonly text: (text: string, place: string) => string;
  readonly texts: (texts: readonly string[], place: string) => readonly string[];
}

/** Adds the place in the job to the message of a fault. */
function createExpanders(expand: ExpandTemplate): Expanders {
  const text = (template: string, place: string): string => {
    try {
      return expand(template);
    } catch (error) {
      throw error instanceof ExpressionFault ? describe(error, place) : error;
    }
  };
  return {
    text,
    texts: (list, place) => list.map((item, index) => text(item, `${place}[${index}]`)),
  };
}

function describe({ message, kind }: ExpressionFault, place: string): ExpressionFault {
  return new ExpressionFault(
    kind === 'sensitive_unsupported'
      ? `${place}: sensitive inputs are unsupported in interpolations yet`
      : `failed to interpolate job inputs: ${place}: ${message}`,
    kind,
  );
}

function expandJob(job: JobPayload, expanders: Expanders): JobPayload {
  return {
    ...job,
    steps: job.steps.map((step) => expandStep(step, expanders)),
    image: expandImage(job.image, 'image', expanders),
    services: job.services.map((service, index) =>
      expandImage(service, `services[${index}]`, expanders),
    ),
    artifacts: job.artifacts.map((artifact, index) =>
      expandArtifact(artifact, `artifacts[${index}]`, expanders),
    ),
    cache: job.cache.map((cache, index) => expandCache(cache, `cache[${index}]`, expanders)),
  };
}

/** Expands a step's script. Other steps, such as that of `release`, are not the user's own text. */
function expandStep(step: JobStep, { texts }: Expanders): JobStep {
  if (step.name !== 'script' && step.name !== 'after_script') return step;
  return { ...step, script: texts(step.script, step.name) };
}

function expandImage<T extends JobImage>(image: T, place: string, { text, texts }: Expanders): T {
  const { docker } = image.executor_opts;
  return {
    ...image,
    name: text(image.name, `${place}.name`),
    command: texts(image.command, `${place}.command`),
    entrypoint: texts(image.entrypoint, `${place}.entrypoint`),
    pull_policy: texts(image.pull_policy, `${place}.pull_policy`),
    executor_opts: {
      ...image.executor_opts,
      docker: {
        platform: text(docker.platform, `${place}.docker.platform`),
        user: text(docker.user, `${place}.docker.user`),
      },
    },
  };
}

function expandArtifact(
  artifact: JobArtifact,
  place: string,
  { text, texts }: Expanders,
): JobArtifact {
  return {
    ...artifact,
    name: text(artifact.name, `${place}.name`),
    paths: texts(artifact.paths, `${place}.paths`),
    exclude: texts(artifact.exclude, `${place}.exclude`),
    when: text(artifact.when, `${place}.when`),
    expire_in: text(artifact.expire_in, `${place}.expire_in`),
  };
}

function expandCache(cache: JobCache, place: string, { text, texts }: Expanders): JobCache {
  return {
    ...cache,
    key: text(cache.key, `${place}.key`),
    policy: text(cache.policy, `${place}.policy`),
    paths: texts(cache.paths, `${place}.paths`),
    when: text(cache.when, `${place}.when`),
    fallback_keys: texts(cache.fallback_keys, `${place}.fallback_keys`),
  };
}

function valueOf(json: JsonValue): Value {
  if (Array.isArray(json)) return json.map(valueOf);
  if (typeof json !== 'object' || json === null) return json;
  return new Map(Object.entries(json).map(([key, member]) => [key, valueOf(member)]));
}
