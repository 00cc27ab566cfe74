import { buildVariables } from '../variables/variables.ts';
import { createTracePipeline, type TracePipelineOptions } from '../trace/pipeline.ts';
import { defaultTokenPrefixes } from '../trace/token-mask.ts';
import type { BuildContext } from '../context/context.ts';

/** The secrets of a job that must be hidden in every text about it. */
export type JobSecrets = Pick<TracePipelineOptions, 'maskPhrases' | 'tokenPrefixes'>;

/**
 * Returns the values and token prefixes to hide. Source: gitlab-runner `common/build.go` (Run),
 * `common/buildlogger/build_logger.go` (New).
 */
export function secretsOf(context: BuildContext): JobSecrets {
  const { featureFlags, maskPhrases } = buildVariables(context, { jobStatus: 'running' });
  return {
    maskPhrases: maskPhrases(),
    tokenPrefixes: [
      ...context.job.features.token_mask_prefixes,
      ...defaultTokenPrefixes(featureFlags.isOn('FF_MASK_ALL_DEFAULT_TOKENS')),
    ],
  };
}

/**
 * Masks a text about the job as its trace would. The name of an image, for example, may contain the
 * value of a masked variable.
 */
export function hideSecrets(text: string, context: BuildContext): string {
  const limitBytes = Number.MAX_SAFE_INTEGER;
  const pipeline = createTracePipeline({ ...secretsOf(context), timestamps: false, limitBytes });
  const shown = [
    // The pipeline may return a view of its input.
    ...pipeline.write('runner', new TextEncoder().encode(text), 0),
    ...pipeline.flush('runner', 0),
  ];
  return new TextDecoder().decode(Uint8Array.from(shown));
}
