import type { BuildStore, Clock, Log, TraceSpool } from '../../ports/index.ts';
import type { BuildContext } from '../../domain/context/context.ts';
import { secretsOf } from '../../domain/build/hide-secrets.ts';
import { jobFields } from '../../domain/build/job-fields.ts';
import { buildVariables } from '../../domain/variables/variables.ts';
import type { TracePipelineOptions } from '../../domain/trace/pipeline.ts';
import { openTraceWriter, type SpoolWriter } from './writer.ts';

export interface TraceSpoolOptions {
  readonly builds: Pick<BuildStore, 'directory'>;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Creates the traces of this node's builds, each in its build's own directory: the masked trace
 * (`trace`, append-only) and checkpoints, with which another process continues. Bytes after the
 * last checkpoint were never sent, so they may be discarded and made again from the job's own
 * files.
 */
export function createTraceSpool({ builds, clock, log }: TraceSpoolOptions): TraceSpool {
  const writers = new Map<string, Promise<SpoolWriter>>();
  return {
    open: (context) => {
      const known = writers.get(context.buildId);
      if (known !== undefined) return known;
      const opening = openTraceWriter({
        directory: builds.directory(context.buildId),
        pipeline: pipelineOptions(context),
        clock,
        log,
        fields: jobFields(context),
      });
      writers.set(context.buildId, opening);
      // The next call tries again. The caller of this one gets the error.
      opening.catch(() => writers.delete(context.buildId));
      return opening;
    },
    close: async (buildId) => {
      const opening = writers.get(buildId);
      writers.delete(buildId);
      const writer = await opening?.catch(() => undefined);
      await writer?.close();
    },
  };
}

function pipelineOptions(context: BuildContext): TracePipelineOptions {
  const { featureFlags } = buildVariables(context, { jobStatus: 'running' });
  return {
    ...secretsOf(context),
    timestamps: featureFlags.isOn('FF_TIMESTAMPS'),
    limitBytes: context.runner.outputLimitBytes,
  };
}
