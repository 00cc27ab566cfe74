import { assert } from '../domain/assert.ts';
import type { StageOutcome } from '../domain/build/outcome.ts';
import type { StageName } from '../domain/build/stage.ts';
import { archiveCache } from './archive-cache.ts';
import type { StageRequest } from './contract.ts';
import { downloadArtifacts } from './download-artifacts.ts';
import type { LiveBuild } from './live-builds.ts';
import type { Ports } from './ports.ts';
import { restoreCache } from './restore-cache.ts';
import { resolveSecrets } from './secrets.ts';
import { uploadArtifacts } from './upload-artifacts.ts';

/** A stage that moves files between the build's containers and the world. */
export interface TransferRun {
  /** Names this try of the stage in notes and in the trace's keys. */
  readonly key: string;
  readonly request: StageRequest;
  readonly ports: Ports;
  /** Aborts when the stage is told to stop: whatever it throws then is not told. */
  readonly signal: AbortSignal;
}

/**
 * Safe to repeat from its beginning at any moment: files are packed anew, and what is said is said
 * once. Throws what passes; says in the trace what it fails at, and returns `script_failed`.
 */
export type Transfer = (build: LiveBuild, run: TransferRun) => Promise<StageOutcome>;

const TRANSFERS: Partial<Readonly<Record<StageName, Transfer>>> = {
  restore_cache: restoreCache,
  download_artifacts: downloadArtifacts,
  archive_cache: archiveCache,
  archive_cache_on_failure: archiveCache,
  resolve_secrets: resolveSecrets,
  upload_artifacts_on_success: uploadArtifacts,
  upload_artifacts_on_failure: uploadArtifacts,
};

/** Runs one stage of files. Throws only on a bug when there is no such stage: none is planned. */
export function transferFiles(build: LiveBuild, run: TransferRun): Promise<StageOutcome> {
  const { name } = run.request.stage;
  const transfer = TRANSFERS[name];
  assert(transfer !== undefined, `stage ${name} moves no files`);
  return transfer(build, run);
}
