import { uploadsAfter } from '../../domain/artifacts/uploads.ts';
import type { StageOutcome } from '../../domain/context/outcome.ts';
import { formatRunnerLine } from '../../domain/trace/sections.ts';
import { packArtifact } from './pack-artifact.ts';
import {
  openArtifactContext,
  packedFile,
  readProgress,
  wasSent,
  type ArtifactContext,
  type Progress,
} from './artifact-context.ts';
import { sendArtifact } from './send-artifact.ts';
import { takeExports } from '../files/exports.ts';
import { listFiles } from '../files/file-lists.ts';
import type { Transfer } from '../files/transfer-run.ts';

/**
 * Packs and sends each artifacts entry that applies to the way the scripts ended. A repeated call
 * continues with the current entry. Unlike in gitlab-runner, a failed entry does not stop the
 * others. Source: gitlab-runner `shells/abstract.go` (writeUploadArtifacts),
 * `commands/helpers/artifacts_uploader.go`.
 */
export const uploadArtifacts: Transfer = async (build, run) => {
  const end = run.request.stage.name === 'upload_artifacts_on_success' ? 'success' : 'failure';
  await takeExports(build, run);
  const listing = await listFiles(build, run);
  if (listing.kind === 'ended') return listing.outcome;
  let hasFailed = false;
  for (const upload of uploadsAfter(build.context.job, end)) {
    run.signal.throwIfAborted();
    const progress = await deliver(
      openArtifactContext(build, run, { upload, names: listing.names }),
    );
    if (progress.state === 'failed') hasFailed = true;
    if (progress.state === 'failed' && progress.isLast) break;
  }
  return hasFailed ? { kind: 'script_failed', exitCode: 1 } : SUCCEEDED;
};

const SUCCEEDED: StageOutcome = { kind: 'succeeded' };

async function deliver(context: ArtifactContext): Promise<Progress> {
  if (await wasSent(context)) return { state: 'sent' };
  const title = formatRunnerLine('info', 'Uploading artifacts...');
  await context.build.trace.appendOnce(`${context.key}/title`, title);
  const progress = (await readProgress(context)) ?? (await packArtifact(context));
  const end = progress.state === 'packed' ? await sendArtifact(context) : progress;
  // The end is noted, so no later call opens the packed file.
  await context.ports.hostFiles.remove(await packedFile(context));
  return end;
}
