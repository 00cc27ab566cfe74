import type { JobArtifact, JobPayload } from '../job/payload.ts';
import { appliesAfter, type ScriptsEnd } from '../job/when.ts';
import { withoutTrailing } from '../without-trailing.ts';

/** One entry of the payload that is sent to GitLab, with its place in the payload. */
export interface PlannedUpload {
  readonly index: number;
  readonly artifact: JobArtifact;
}

/**
 * Returns the entries to upload after the scripts ended in this way, in the order of the payload.
 * Entries that name no files are left out. Source: gitlab-runner `shells/abstract.go`
 * (writeUploadArtifacts).
 */
export function uploadsAfter({ artifacts }: JobPayload, end: ScriptsEnd): readonly PlannedUpload[] {
  return artifacts
    .map((artifact, index) => ({ artifact, index }))
    .filter(({ artifact }) => namesFiles(artifact) && appliesAfter(artifact, end));
}

function namesFiles({ paths, exclude, untracked }: JobArtifact): boolean {
  return paths.length > 0 || exclude.length > 0 || untracked;
}

const DEFAULT_NAME = 'artifacts';
const EMPTY_NAME = 'default';

const ENDINGS: Readonly<Record<string, string>> = {
  '': '.zip',
  zip: '.zip',
  zipzstd: '.zip',
  gzip: '.gz',
  tarzstd: '.tar.zst',
};

/**
 * Returns the name of the uploaded file: the last part of the expanded name, with the ending of its
 * format. Source: gitlab-runner `commands/helpers/artifacts_uploader.go` (artifactFilename).
 */
export function uploadFilename(artifact: JobArtifact, expandedName: string): string {
  const name = artifact.name === '' ? DEFAULT_NAME : lastPart(expandedName);
  return `${name}${ENDINGS[artifact.artifact_format] ?? ''}`;
}

/** Source: Go `filepath.Base` on Linux, where only `/` separates parts. */
function lastPart(path: string): string {
  const place = withoutTrailing(path, '/');
  if (place === '' && path !== '') return '/';
  const base = place.slice(place.lastIndexOf('/') + 1);
  return base === '' || base === '.' ? EMPTY_NAME : base;
}
