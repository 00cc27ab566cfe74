import type { StageOutcome } from '../../domain/context/outcome.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { trustedCaFiles } from '../../domain/runner/outbound.ts';
import { buildVariables } from '../../domain/variables/variables.ts';
import {
  planSecrets,
  secretVariable,
  type PlannedSecret,
} from '../../domain/secrets/plan-secrets.ts';
import { formatRunnerLine, type RunnerLineLevel } from '../../domain/trace/sections.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import type { TransferRun } from '../files/transfer-run.ts';

/**
 * Fetches the secrets of a job, and stores each in the build's record at once. A secret is never
 * fetched twice, whatever dies meanwhile, so every stage sees the same value. Source: gitlab-runner
 * `common/secrets.go`.
 */
export async function resolveSecrets(build: LiveBuild, run: TransferRun): Promise<StageOutcome> {
  const { job, runner } = build.context;
  const variables = buildVariables(build.context, { jobStatus: 'running' });
  const trustedFiles = trustedCaFiles(runner);
  const resolving = { ...run, trustedFiles, mayLack: mayLack(variables) };
  for (const secret of planSecrets(job, variables)) {
    const known = build.context.secretVariables ?? [];
    if (known.some(({ key }) => key === secret.key)) continue;
    const print = printOf(build, `${run.key}/${secret.key}`);
    await print('begin', `Resolving secret ${JSON.stringify(secret.key)}...`);
    const value = await valueOf(secret, { ...resolving, print });
    if (value !== undefined) await build.keepSecrets([...known, secretVariable(secret, value)]);
  }
  return { kind: 'succeeded' };
}

type Print = (key: string, text: string, level?: RunnerLineLevel) => Promise<void>;

function printOf({ trace }: LiveBuild, prefix: string): Print {
  return (key, text, level = 'plain') =>
    trace.appendOnce(`${prefix}/${key}`, formatRunnerLine(level, text));
}

function mayLack({ featureFlags }: ReturnType<typeof buildVariables>): boolean {
  return !featureFlags.isOn('FF_SECRET_RESOLVING_FAILS_IF_MISSING');
}

interface Resolving extends TransferRun {
  readonly print: Print;
  readonly trustedFiles: readonly string[];
  /** True: the job accepts a missing secret. */
  readonly mayLack: boolean;
}

/** Returns undefined for a secret that becomes no variable. */
async function valueOf(
  { key, source }: PlannedSecret,
  { ports, signal, print, trustedFiles, mayLack }: Resolving,
): Promise<string | undefined> {
  switch (source.kind) {
    case 'none':
      await print('none', 'Not resolved: no resolver that can handle the secret', 'warning');
      return undefined;
    case 'unsupported':
      throw failed(FailureType.RunnerConfiguration, {
        message: `${key}: the provider ${source.provider} is not supported by this runner yet: use vault`,
      });
    case 'vault': {
      await print('resolver', 'Using "vault" secret resolver...');
      const value = await ports.secrets
        .readSecret(source.request, { signal, trustedFiles })
        .catch(rethrow);
      if (value !== undefined || mayLack) return value ?? '';
      throw failed(FailureType.RunnerSystem, { message: `secret not found: ${key}` });
    }
  }
}

function rethrow(error: unknown): never {
  throw error instanceof FinalError ? failed(error.type, error) : error;
}

function failed(type: FailureType, cause: { readonly message: string }): FinalError {
  return new FinalError(type, `resolving secrets: ${cause.message}`, { cause });
}
