import { assert } from '../domain/assert.ts';
import type { StageOutcome } from '../domain/context/outcome.ts';
import type { StageName } from '../domain/context/stage.ts';
import { archiveCache } from './cache/archive-cache.ts';
import { downloadArtifacts } from './artifacts/download-artifacts.ts';
import type { LiveBuild } from './build/live-builds.ts';
import { restoreCache } from './cache/restore-cache.ts';
import { resolveSecrets } from './secrets/secrets.ts';
import type { Transfer, TransferRun } from './files/transfer-run.ts';
import { uploadArtifacts } from './artifacts/upload-artifacts.ts';

const TRANSFERS: Partial<Readonly<Record<StageName, Transfer>>> = {
  restore_cache: restoreCache,
  download_artifacts: downloadArtifacts,
  archive_cache: archiveCache,
  archive_cache_on_failure: archiveCache,
  resolve_secrets: resolveSecrets,
  upload_artifacts_on_success: uploadArtifacts,
  upload_artifacts_on_failure: uploadArtifacts,
};

/**
 * Runs one stage that moves files. Throws for a stage of another name, which is a bug: such a stage
 * is never planned.
 */
export function transferFiles(build: LiveBuild, run: TransferRun): Promise<StageOutcome> {
  const { name } = run.request.stage;
  const transfer = TRANSFERS[name];
  assert(transfer !== undefined, `stage ${name} moves no files`);
  return transfer(build, run);
}
