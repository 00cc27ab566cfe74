import type { BuildContext } from '../context/context.ts';
import { pathFault } from '../files/path-fault.ts';
import { relativeTo } from '../files/project-paths.ts';
import { parseGoBool } from '../job/go-bool.ts';
import type { JobArtifact, JobPayload } from '../job/payload.ts';
import { cleanUrl } from '../context/names.ts';
import { GITLAB_RUNNER_RELEASE } from '../runner/release.ts';

const STATEMENT_TYPE = 'https://in-toto.io/Statement/v0.1';
const PREDICATE_TYPE = 'https://slsa.dev/provenance/v1';
const SCHEMA_VERSION = 'v1';
const BUILDER = 'gitlab-runner';
const BUILDER_VERSION = `v${GITLAB_RUNNER_RELEASE}`;

/**
 * Whether the job wants a statement of provenance beside what this entry uploads. Only the job's
 * own variables count, and only zip archives can hold one more file. Source: gitlab-runner
 * `shells/abstract.go` (shouldGenerateArtifactsMetadata).
 */
export function wantsProvenance(
  job: Pick<JobPayload, 'variables'>,
  artifact: Pick<JobArtifact, 'artifact_format'>,
): boolean {
  return (
    artifact.artifact_format === 'zip' && isTrue(valueOf(job, 'RUNNER_GENERATE_ARTIFACTS_METADATA'))
  );
}

/** Source: gitlab-runner `common/spec/variables.go` (Bool). */
function isTrue(text: string): boolean {
  return parseGoBool(text.toLowerCase()) ?? /^[+]?0*1$/.test(text);
}

/** Returns the unexpanded value of the payload. */
function valueOf({ variables }: Pick<JobPayload, 'variables'>, key: string): string {
  const found = variables.findLast((variable) => variable.key === key);
  return found?.value ?? '';
}

/** Returns a warning when the job names an unknown schema, because it then gets the usual one. */
export function schemaWarning(job: Pick<JobPayload, 'variables'>): string | undefined {
  const wanted = valueOf(job, 'SLSA_PROVENANCE_SCHEMA_VERSION');
  if (wanted === '' || wanted === SCHEMA_VERSION) return undefined;
  return `Unknown SLSA provenance version ${wanted}, defaulting to ${SCHEMA_VERSION}`;
}

const DEFAULT_NAME = 'artifacts';

/** The place of the statement in the archive, or why there is no place for it. */
export type StatementPlace =
  | { readonly kind: 'inside'; readonly path: string }
  | { readonly kind: 'outside'; readonly file: string }
  | { readonly kind: 'impossible'; readonly path: string; readonly fault: string };

/**
 * Returns the place of the statement. It is a file in the project directory, and its path contains
 * the whole expanded name of the entry. Source: gitlab-runner
 * `commands/helpers/artifact_metadata.go` (generateStatementToFile).
 */
export function statementPlace(
  artifact: Pick<JobArtifact, 'name'>,
  expandedName: string,
  projectDir: string,
): StatementPlace {
  const file = `${artifact.name === '' ? DEFAULT_NAME : expandedName}-metadata.json`;
  const path = relativeTo(projectDir, `./${file}`);
  if (path === undefined) return { kind: 'outside', file };
  const fault = pathFault(path);
  return fault === undefined ? { kind: 'inside', path } : { kind: 'impossible', path, fault };
}

/** One file of the archive, by its path there. */
export interface Subject {
  readonly path: string;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
}

/** Formats a subject as it appears in the text of a statement. */
export function subjectText({ path, sha256 }: Subject): string {
  return JSON.stringify({ name: wellFormed(path), digest: { sha256 } });
}

/**
 * Replaces halves of surrogate pairs, which strict JSON readers refuse. A name that is not UTF-8
 * contains some.
 */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\u{fffd}');
}

/**
 * Returns an in-toto statement with a predicate of SLSA provenance v1. The JSON text comes in
 * pieces, because an archive may have a million subjects. It contains the names of the payload's
 * variables, and never a value. `subjects` are texts of {@link subjectText}. Source: gitlab-runner
 * `commands/helpers/artifact_metadata.go`, `PROVENANCE.md`, slsa.dev/spec/v1.0/provenance.
 */
export function* statementTexts(
  context: ProvenanceContext,
  endedAtMs: number,
  subjects: Iterable<string>,
): Generator<string, void, void> {
  const [type, predicateType] = [STATEMENT_TYPE, PREDICATE_TYPE].map((uri) => JSON.stringify(uri));
  yield `{"_type":${type},"predicateType":${predicateType},"subject":[`;
  let separator = '\n';
  for (const subject of subjects) {
    yield separator + subject;
    separator = ',\n';
  }
  yield `\n],"predicate":${JSON.stringify(predicateOf(context, endedAtMs), undefined, 1)}}\n`;
}

/** The facts of a build that go into a statement. */
export type ProvenanceContext = Pick<BuildContext, 'job' | 'runner' | 'program' | 'receivedAtMs'>;

function predicateOf(context: ProvenanceContext, endedAtMs: number) {
  const { job, program } = context;
  const source = cleanUrl(job.git_info.repo_url).replace(/\.git$/, '');
  return {
    buildDefinition: {
      buildType: `https://gitlab.com/gitlab-org/gitlab-runner/-/blob/${BUILDER_VERSION}/PROVENANCE.md`,
      externalParameters: externalParameters(job, source),
      internalParameters: internalParameters(context),
      // gitlab-runner uses this key for every commit, whatever its hash is, and people compare
      // statements by it.
      resolvedDependencies: [{ uri: source, digest: { sha256: job.git_info.sha } }],
    },
    runDetails: {
      builder: {
        id: `${source}/-/runners/${runnerIdOf(context)}`,
        version: { [BUILDER]: BUILDER_VERSION, [program.name]: program.version },
      },
      metadata: {
        invocationId: `${job.id}`,
        startedOn: timestamp(context.receivedAtMs),
        finishedOn: timestamp(endedAtMs),
      },
    },
  };
}

function externalParameters(job: JobPayload, source: string): Readonly<Record<string, string>> {
  const names = job.variables.map(({ key }): [string, string] => [wellFormed(key), '']);
  const entryPoint = wellFormed(job.job_info.name);
  return Object.fromEntries([...names, ['entryPoint', entryPoint], ['source', source]]);
}

function internalParameters({ job, runner, program }: ProvenanceContext) {
  const [, architecture = ''] = program.platform.split('/');
  return {
    name: wellFormed(runner.name),
    executor: runner.executor,
    architecture,
    job: `${job.id}`,
  };
}

/**
 * The runner id that GitLab tells the job, or the entry's own when the job has overwritten that
 * variable.
 */
function runnerIdOf({ job, runner }: ProvenanceContext): string {
  const id = valueOf(job, 'CI_RUNNER_ID');
  return /^\d{1,19}$/.test(id) ? id : `${runner.id}`;
}

/** Formats a time by RFC 3339, in whole seconds. */
function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
