import type { Attributes } from '@opentelemetry/api';
import { ApplicationFailure } from '@temporalio/common';
import type { ActivityExecuteInput, ActivityInterceptorsFactory } from '@temporalio/worker';
import type { Tracer } from '../../adapters/tracing/tracer.ts';
import type { BuildContext } from '../../domain/context/context.ts';
import { jobFields } from '../../domain/build/job-fields.ts';
import { isObject } from '../../domain/is-object.ts';
import { publicFaultText } from '../../domain/public-fault.ts';
import type { BuildStore, Clock, Log } from '../../ports/index.ts';

export interface TracingScope {
  readonly tracer: Tracer;
  readonly builds: Pick<BuildStore, 'read'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly node: string;
  readonly showsNames: boolean;
  readonly log: Log;
}

interface Call {
  readonly name: string;
  readonly attempt: number;
  readonly input: ActivityExecuteInput;
  readonly startMs: number;
}

interface End {
  readonly result?: unknown;
  readonly error?: unknown;
}

/**
 * Makes a span for each call of an activity that belongs to a build, from the request for its job
 * on, and one for the build as a whole when GitLab has its result. None of this reaches Temporal.
 */
export function traceActivities(scope: TracingScope): ActivityInterceptorsFactory {
  return ({ info }) => ({
    inbound: {
      execute: async (input, next) => {
        const call = {
          name: info.activityType,
          attempt: info.attempt,
          input,
          startMs: scope.clock.nowMs(),
        };
        try {
          const result: unknown = await next(input);
          await tell(call, { result }, scope);
          return result;
        } catch (error) {
          await tell(call, { error }, scope);
          throw error;
        }
      },
    },
  });
}

/** Reports the spans. A fault of tracing must not become a fault of the build. */
async function tell(call: Call, end: End, scope: TracingScope): Promise<void> {
  try {
    await record(call, end, scope);
  } catch (error) {
    scope.log.debug('no span was made', { error });
  }
}

async function record(call: Call, end: End, scope: TracingScope): Promise<void> {
  const buildId = buildOf(call, end);
  if (buildId === undefined) return;
  const endMs = scope.clock.nowMs();
  const { tracer, node } = scope;
  const { name, attributes } = describe(call, end);
  tracer.record({
    name,
    buildId,
    startMs: call.startMs,
    endMs,
    fault: faultOf(end),
    attributes: {
      'temporal.attempt': call.attempt,
      'temporal_gitlab_runner.node': node,
      ...attributes,
    },
  });
  if (call.name !== 'reportResult' || end.error !== undefined) return;
  const context = await scope.builds.read(buildId);
  if (context === undefined) return;
  const whole = { name: 'build', buildId, startMs: context.receivedAtMs, endMs, isWhole: true };
  const job = attributesOf(context, scope.showsNames);
  tracer.record({ ...whole, attributes: { ...job, ...attributes }, fault: faultOf(end) });
}

/** Returns the build that an activity is called for, or that its answer begins. */
function buildOf({ input }: Call, { result }: End): string | undefined {
  const [build] = input.args;
  const job = isObject(result) ? result['job'] : undefined;
  for (const named of [build, job]) {
    if (isObject(named) && typeof named['buildId'] === 'string') return named['buildId'];
  }
  return undefined;
}

interface Description {
  readonly name: string;
  readonly attributes: Attributes;
}

/**
 * Describes the call only with numbers and words of closed lists. Nothing else of the input may
 * leave the node.
 */
function describe({ name, input }: Call, { result }: End): Description {
  const request: unknown = input.args[1];
  const stage = isObject(request) && isObject(request['stage']) ? request['stage'] : undefined;
  const outcome = name === 'reportResult' ? request : result;
  const shown = isObject(outcome) ? outcome : {};
  return {
    name: stage === undefined ? name : `stage ${String(stage['name'])}`,
    attributes: Object.fromEntries(
      [
        ['temporal_gitlab_runner.stage', stage?.['name']],
        ['temporal_gitlab_runner.outcome', shown['state'] ?? shown['kind']],
        ['temporal_gitlab_runner.failure_reason', shown['reason']],
        ['temporal_gitlab_runner.exit_code', shown['exitCode']],
      ].filter((entry): entry is [string, string | number] =>
        ['string', 'number'].includes(typeof entry[1]),
      ),
    ),
  };
}

function faultOf({ error }: End): string | undefined {
  if (error === undefined) return undefined;
  return publicFaultText(error instanceof ApplicationFailure ? (error.type ?? '') : '');
}

/**
 * Returns the attributes of a build, masked like the log. Names are included only where everybody
 * may see them.
 */
function attributesOf(context: BuildContext, showsNames: boolean): Attributes {
  const { job, job_name, project, project_path, ref, runner } = jobFields(context);
  return {
    ...{ 'gitlab.job.id': job, 'gitlab.project.id': project, 'gitlab.runner.key': runner },
    ...{ 'gitlab.pipeline.id': context.job.job_info.pipeline_id },
    ...(showsNames && {
      'gitlab.job.name': job_name,
      'gitlab.project.path': project_path,
      'gitlab.ref': ref,
    }),
  };
}
