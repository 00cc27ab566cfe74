import { neededDependencies } from '../../domain/build/dependencies.ts';
import { shortToken } from '../../domain/context/names.ts';
import type { StageOutcome } from '../../domain/context/outcome.ts';
import { FinalError, FailureType } from '../../domain/failure.ts';
import type { JobDependency } from '../../domain/job/payload.ts';
import { formatGoDuration } from '../../domain/job/go-duration.ts';
import { MAX_TRIES } from '../../domain/runner/retry.ts';
import { formatNotice } from '../../domain/script/say.ts';
import { formatHelperLine, type HelperLineLevel } from '../../domain/trace/helper-line.ts';
import { inTries, upTo, type TryLimits } from '../../domain/tries.ts';
import { buildVariables, type Variables } from '../../domain/variables/variables.ts';
import type { DownloadReply } from '../../ports/index.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import { defineFlag } from '../build/note.ts';
import { extractArchive } from '../files/extract-archive.ts';
import type { Transfer, TransferRun } from '../files/transfer-run.ts';
import { whenGitlabAnswers } from '../trace/gitlab-answers.ts';

/** Source: gitlab-runner `commands/helpers/artifacts_downloader.go`. */
const TRIES: TryLimits = { most: 3, pauseMs: 1_000 };
/** The longest pause, however long GitLab asks to wait. */
const MAX_PAUSE_MS = 60 * 60_000;
const COORDINATOR = 'Downloading artifacts from coordinator...';
const SCRATCH_NAME = 'artifacts-download';
const FAILED: StageOutcome = { kind: 'script_failed', exitCode: 1 };

/**
 * Downloads the artifacts of earlier jobs and unpacks them into the checkout, one after another:
 * later ones overwrite files of earlier ones. After a crash it continues with the first that is not
 * done.
 */
export const downloadArtifacts: Transfer = async (build, run) => {
  const file = await scratchFile(build, run);
  try {
    return await downloadAll(build, run);
  } finally {
    await run.ports.hostFiles.remove(file);
  }
};

async function downloadAll(build: LiveBuild, run: TransferRun): Promise<StageOutcome> {
  const { context } = build;
  const variables = buildVariables(context, { jobStatus: run.request.jobStatus });
  for (const [index, dependency] of neededDependencies(context).entries()) {
    const key = `${run.key}/${index}`;
    const unpacked = defineFlag(`unpacked ${key}`);
    if (await unpacked.isSet(context.buildId, run.ports)) continue;
    const one: Download = { ...run, key, dependency, variables };
    await build.trace.appendOnce(`${key}/title`, titleOf(dependency));
    const isDone = (await fetchFile(build, one)) && (await unpack(build, one));
    if (!isDone) return FAILED;
    await unpacked.set(context.buildId, run.ports);
  }
  return { kind: 'succeeded' };
}

interface Download extends TransferRun {
  readonly dependency: JobDependency;
  readonly variables: Variables;
}

function titleOf({ name, id }: JobDependency): string {
  return `${formatNotice(`Downloading artifacts for ${name} (${id})...`)}\n`;
}

function scratchFile({ context }: LiveBuild, { ports }: TransferRun): Promise<string> {
  return ports.builds.scratchFile(context.buildId, SCRATCH_NAME);
}

/**
 * Returns false when the file was not available; the trace says why. Waits while GitLab is away.
 */
async function fetchFile(build: LiveBuild, run: Download): Promise<boolean> {
  const { ports, signal } = run;
  for (let round = 0; ; round += 1) {
    const key = round === 0 ? run.key : `${run.key}+${round}`;
    const reply = await fetchInTries(build, { ...run, key });
    if (reply.kind === 'done') return true;
    if (!mayPass(reply)) return false;
    if ((await whenGitlabAnswers(build, { key, ports, signal })) !== 'was_away') return false;
  }
}

async function fetchInTries(build: LiveBuild, run: Download): Promise<DownloadReply> {
  const attempt = async (number: number): Promise<DownloadReply> => {
    const reply = await requestPatiently(build, run, number);
    const end = endOf(reply, number === TRIES.most);
    await build.trace.appendOnce(`${run.key}/try ${number}`, linesOf(reply, run, end));
    return reply;
  };
  return inTries(attempt, {
    nextMs: upTo(TRIES, (end) => end.kind === 'answered' && mayPass(end.value)),
    pause: (ms) => run.ports.clock.sleep(ms, run.signal).then(() => true),
  });
}

/**
 * Asks again after each pause that GitLab asks for. These requests are one try. Source:
 * gitlab-runner `network/retry_requester.go`.
 */
async function requestPatiently(
  build: LiveBuild,
  run: Download,
  number: number,
): Promise<DownloadReply> {
  const { ports, signal, key } = run;
  for (let made = 1; ; made += 1) {
    const reply = await request(build, run, number);
    if (reply.retryAfterMs === undefined || made >= MAX_TRIES) return reply;
    const pauseMs = Math.min(reply.retryAfterMs, MAX_PAUSE_MS);
    const text = `${COORDINATOR} ${reply.said}: asks again in ${formatGoDuration(pauseMs)}`;
    const line = formatHelperLine({ level: 'warning', text });
    await build.trace.appendOnce(`${key}/try ${number}/pause ${made}`, line);
    const reason = { what: 'GitLab', status: reply.status } as const;
    await build.waits.during('gitlab', reason, () => ports.clock.sleep(pauseMs, signal));
  }
}

async function request(build: LiveBuild, run: Download, attempt: number): Promise<DownloadReply> {
  const { ports, dependency, variables, signal } = run;
  const isWanted = variables.featureFlags.isOn('FF_USE_DIRECT_DOWNLOAD');
  const credentials = { jobId: dependency.id, token: dependency.token };
  return ports.coordinator(build.context.runner).downloadArtifact(credentials, {
    file: await scratchFile(build, run),
    isDirect: isWanted && attempt === 1,
    signal,
  });
}

type End = 'done' | 'tries again' | 'gives up';

function endOf(reply: DownloadReply, isLast: boolean): End {
  if (reply.kind === 'done') return 'done';
  return mayPass(reply) && !isLast ? 'tries again' : 'gives up';
}

function mayPass({ kind }: DownloadReply): boolean {
  return kind === 'failed' || kind === 'unreachable';
}

function linesOf(reply: DownloadReply, { dependency }: Download, end: End): string {
  const { status, said, correlationId, host } = reply;
  const common = { id: dependency.id, token: shortToken(dependency.token) };
  const answered = status === 0 ? common : { ...common, correlation_id: correlationId, host };
  const { level, text: answer, field, fault } = ANSWER_LINES[reply.kind];
  const text = `${COORDINATOR} ${answer}`;
  const line = formatHelperLine({ level, text, fields: { ...answered, [field]: said } });
  switch (end) {
    case 'done':
      return line;
    case 'tries again':
      return (
        line + formatHelperLine({ level: 'warning', text: 'Retrying...', fields: { error: fault } })
      );
    case 'gives up':
      return line + formatHelperLine({ level: 'fatal', text: fault });
  }
}

interface AnswerLine {
  readonly level: HelperLineLevel;
  readonly text: string;
  /** Name of the log field that holds GitLab's message. */
  readonly field: string;
  /** The error's name in gitlab-runner. */
  readonly fault: string;
}

/** Source: gitlab-runner `network/gitlab.go` (DownloadArtifacts), `artifacts_downloader.go`. */
const ANSWER_LINES: Readonly<Record<DownloadReply['kind'], AnswerLine>> = {
  done: { level: 'info', text: 'ok', field: 'responseStatus', fault: '' },
  unauthorized: {
    ...{ level: 'error', text: 'unauthorized', field: 'status', fault: 'permission denied' },
  },
  forbidden: { level: 'error', text: 'forbidden', field: 'status', fault: 'permission denied' },
  not_found: {
    ...{ level: 'error', text: 'not found', field: 'status', fault: 'file does not exist' },
  },
  failed: { level: 'warning', text: 'failed', field: 'status', fault: 'invalid argument' },
  unreachable: { level: 'error', text: 'error', field: 'error', fault: 'invalid argument' },
};

/** Returns false when the archive is refused; the trace says why. */
async function unpack(build: LiveBuild, run: Download): Promise<boolean> {
  const { ports, signal, variables, key } = run;
  const file = await scratchFile(build, run);
  try {
    await extractArchive(build, { ports, file, variables, signal });
    return true;
  } catch (error) {
    const isRefused = error instanceof FinalError && error.type === FailureType.InvalidArchive;
    if (!isRefused) throw error;
    const line = formatHelperLine({ level: 'fatal', text: error.message });
    await build.trace.appendOnce(`${key}/refused`, line);
    return false;
  }
}
