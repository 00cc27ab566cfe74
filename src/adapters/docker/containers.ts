import type { ContainerEngine } from '../../ports/index.ts';
import type { ContainerSpec } from '../../domain/executor/specs.ts';
import { ContainerGone, FailureType, FinalError, TransientError } from '../../domain/failure.ts';
import { createBody } from './create-body.ts';
import { encodePath, parseReply, type DaemonCall } from './daemon.ts';
import { demux, limitFrames, takeFrames, type LogFrame } from './demux.ts';
import type { EngineParts } from './engine-parts.ts';
import { createFault, refusalFault, startFault, timeoutFault, type Refusal } from './faults.ts';
import { inspectContainer, inspectRaw } from './inspect-container.ts';
import { isOfAnyBuild, isOfSameBuild, withInstallation } from './labels.ts';
import { checkPlatform } from './platforms.ts';
import { putArchive } from './put-archive.ts';
import { readReply } from './read-reply.ts';
import { createdSchema } from './replies.ts';
import { inlineSeccomp, resolveSeccomp, wantsSeccompPath } from './seccomp.ts';
import { againWhenMet, withMountLocks, volumesToFill } from './shared-mounts.ts';

type Containers = Pick<
  ContainerEngine,
  | 'createContainer'
  | 'startContainer'
  | 'inspectContainer'
  | 'putArchive'
  | 'readLogs'
  | 'followLogs'
  | 'removeContainer'
>;

/** Creates the part of the engine for containers that does not wait for their processes. */
export function createContainers(parts: EngineParts): Containers {
  return {
    createContainer: (spec) => createContainer(parts, spec),
    startContainer: (idOrName) => startContainer(parts, idOrName),
    inspectContainer: (idOrName) => inspectContainer(parts, idOrName),
    putArchive: (idOrName, path, entries) => putArchive(parts, { idOrName, path, entries }),
    readLogs: (idOrName, options) => readLogs(parts, idOrName, options),
    followLogs: (idOrName, options) => followLogs(parts, idOrName, options),
    removeContainer: (idOrName, options) => removeContainer(parts, idOrName, options),
  };
}

async function createContainer(parts: EngineParts, spec: ContainerSpec): Promise<string> {
  await checkPlatform(parts, spec);
  const reply = await requestCreate(parts, spec);
  if (!isNameTaken(reply)) return createdId(parts, spec, reply);
  const holder = await inspectRaw(parts, spec.name);
  if (holder !== undefined) {
    const labels = holder.Config.Labels ?? {};
    if (isOfSameBuild(labels, spec.labels, parts.installation)) return holder.Id;
    // A container made by another installation, program or person is never removed.
    if (!isOfAnyBuild(labels, parts.installation)) throw nameTaken(spec.name);
    await removeContainer(parts, holder.Id);
  }
  return createdId(parts, spec, await requestCreate(parts, spec));
}

async function requestCreate(parts: EngineParts, spec: ContainerSpec): Promise<Refusal & Body> {
  const securityOpt = await inlineSeccomp(spec.securityOpt);
  const reply = await sendCreate(parts, { ...spec, securityOpt });
  if (!wantsSeccompPath(reply)) return reply;
  return sendCreate(parts, { ...spec, securityOpt: resolveSeccomp(spec.securityOpt) });
}

function sendCreate(parts: EngineParts, spec: ContainerSpec): Promise<Refusal & Body> {
  const { daemon, timing, installation } = parts;
  const labels = withInstallation(spec.labels, installation);
  const call: DaemonCall = {
    ...createCall(spec),
    query: { name: spec.name, ...(spec.platform !== '' && { platform: spec.platform }) },
    body: createBody({ ...spec, labels }),
  };
  return withMountLocks(parts, { mounts: volumesToFill(spec) }, () =>
    againWhenMet(() => daemon.send(call, { limitMs: timing.slowCallLimitMs })),
  );
}

interface Body {
  readonly body: unknown;
}

function createCall({ name }: ContainerSpec): DaemonCall {
  return { doing: `create container "${name}"`, method: 'POST', path: '/containers/create' };
}

function createdId({ daemon }: EngineParts, spec: ContainerSpec, reply: Refusal & Body): string {
  const action = daemon.action(createCall(spec), FailureType.RunnerConfiguration);
  if (reply.status === 201) return parseReply(createdSchema, reply.body, action).Id;
  if (reply.status === 404 && /no such image/i.test(reply.message)) {
    // It existed a moment ago. The next attempt creates it again.
    throw new TransientError(
      `cannot ${action.doing}: its image ${spec.image} is gone from Docker at ${action.address}: ${reply.message}`,
    );
  }
  // Docker before 23 silently pulls an image of another platform and reports it only here.
  // containerd's image store does the same when it has the image for another platform.
  const isWrongPlatform = /does not (match|provide) the (specified|expected) platform/.test(
    reply.message,
  );
  throw createFault(isWrongPlatform ? { ...reply, status: 400 } : reply, action);
}

/** Whether the name is in use. Podman answers 500 instead of 409. */
function isNameTaken({ status, message }: Refusal): boolean {
  return status === 409 || (status === 500 && message.includes('is already in use'));
}

function nameTaken(name: string): FinalError {
  return new FinalError(
    FailureType.RunnerSystem,
    `cannot create container "${name}": a container of this name exists that is not of this runner; remove or rename it`,
  );
}

async function startContainer({ daemon, timing }: EngineParts, idOrName: string): Promise<void> {
  const call: DaemonCall = {
    doing: `start container "${idOrName}"`,
    method: 'POST',
    path: `/containers/${encodePath(idOrName)}/start`,
  };
  const reply = await daemon.send(call, { limitMs: timing.slowCallLimitMs });
  // 304 means that the container already runs.
  if (![204, 304].includes(reply.status)) throw startFault(reply, daemon.action(call));
}

async function readLogs(
  { daemon, timing }: EngineParts,
  idOrName: string,
  options: Parameters<ContainerEngine['readLogs']>[1],
): ReturnType<ContainerEngine['readLogs']> {
  const call = logCall(idOrName, options.timestamps === true ? { timestamps: '1' } : {});
  const limit = AbortSignal.timeout(timing.slowCallLimitMs);
  try {
    // Leaving the loop early closes the connection.
    return await takeFrames(
      demux(await openLog(daemon, { call, idOrName, signal: limit })),
      options.maxBytes,
    );
  } catch (error) {
    if (limit.aborted) throw timeoutFault(timing.slowCallLimitMs, daemon.action(call));
    throw daemon.fault(error, call);
  }
}

async function followLogs(
  { daemon }: EngineParts,
  idOrName: string,
  { maxBytes, signal }: Parameters<ContainerEngine['followLogs']>[1],
): ReturnType<ContainerEngine['followLogs']> {
  const call = logCall(idOrName, { follow: '1' });
  const faultOf = (error: unknown): Error => {
    signal.throwIfAborted();
    return daemon.fault(error, call);
  };
  try {
    const response = await openLog(daemon, { call, idOrName, signal });
    return withFaults(limitFrames(demux(response), maxBytes), faultOf);
  } catch (error) {
    throw faultOf(error);
  }
}

async function* withFaults(
  frames: AsyncIterable<LogFrame>,
  faultOf: (error: unknown) => Error,
): AsyncGenerator<LogFrame> {
  try {
    yield* frames;
  } catch (error) {
    throw faultOf(error);
  }
}

/** Returns the call for a container's log of both streams. */
export function logCall(idOrName: string, query: Readonly<Record<string, string>>): DaemonCall {
  return {
    doing: `read the log of container "${idOrName}"`,
    method: 'GET',
    path: `/containers/${encodePath(idOrName)}/logs`,
    query: { stdout: '1', stderr: '1', ...query },
  };
}

interface OpenedLog {
  readonly call: DaemonCall;
  readonly idOrName: string;
  readonly signal: AbortSignal;
}

/** Opens a log. Throws ContainerGone when there is no such container. */
export async function openLog(
  daemon: EngineParts['daemon'],
  { call, idOrName, signal }: OpenedLog,
) {
  const response = await daemon.open(call, signal);
  if (response.statusCode === 200) return response;
  const reply = await readReply(response);
  if (reply.status === 404) throw new ContainerGone(idOrName);
  throw refusalFault(reply, daemon.action(call));
}

async function removeContainer(
  { daemon, timing }: EngineParts,
  idOrName: string,
  { keepsVolumes } = { keepsVolumes: false },
): Promise<void> {
  const call: DaemonCall = {
    doing: `remove container "${idOrName}"`,
    method: 'DELETE',
    path: `/containers/${encodePath(idOrName)}`,
    query: { force: '1', v: keepsVolumes ? '0' : '1' },
  };
  const reply = await daemon.send(call, { limitMs: timing.slowCallLimitMs });
  const isUnderWay = reply.status === 409 && /removal .* in progress/i.test(reply.message);
  if (![204, 404].includes(reply.status) && !isUnderWay) {
    throw refusalFault(reply, daemon.action(call));
  }
}
