import { containerNamesOf } from '../../domain/executor/environment.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { readContent } from '../../domain/files/read-content.ts';
import { parseExports } from '../../domain/variables/exported-variables.ts';
import { buildVariables } from '../../domain/variables/variables.ts';
import { envFile } from '../../domain/script/exports.ts';
import { formatRunnerLine } from '../../domain/trace/sections.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import type { FileMember } from '../../ports/index.ts';
import type { TransferRun } from './transfer-run.ts';

/** This is twice the limit for a process's environment, because names may repeat. */
const MAX_ENV_FILE_BYTES = 4 * 1024 * 1024;

/**
 * Stores the variables that the scripts passed on by GITLAB_ENV in the build's record, so that
 * every later stage and try sees the same. Throws RunnerSystem when the file is longer than any
 * environment. The job controls the file, so only a regular file is read.
 */
export async function takeExports(build: LiveBuild, run: TransferRun): Promise<void> {
  const { context, trace } = build;
  if (context.exports !== undefined) return;
  const { ports, signal, key, request } = run;
  const path = envFile(context, buildVariables(context, { jobStatus: request.jobStatus }));
  const { build: container } = containerNamesOf(context);
  const engine = ports.engine(context.runner);
  const stat = await engine.statPath(container, path);
  if (stat?.kind === 'file' && stat.sizeBytes === 0) return build.keepExports([]);
  const members = await engine.readFiles(container, path, { signal });
  for await (const member of members ?? []) {
    if (member.kind === 'file') {
      assertFits(member);
      await build.keepExports(parseExports(await readContent(member)));
      return;
    }
    const text = 'GITLAB_ENV is not a plain file any more: names and paths do without it';
    await trace.appendOnce(`${key}/exports`, formatRunnerLine('warning', text));
    await build.keepExports([]);
    return;
  }
}

function assertFits({ sizeBytes }: FileMember): void {
  if (sizeBytes <= MAX_ENV_FILE_BYTES) return;
  throw new FinalError(
    FailureType.RunnerSystem,
    `the GITLAB_ENV file has ${sizeBytes} bytes, the most is ${MAX_ENV_FILE_BYTES}: let the job write less into it`,
  );
}
