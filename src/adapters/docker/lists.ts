import type { z } from 'zod';
import { parseReply, type Daemon, type DaemonCall } from './daemon.ts';
import { hasLabels, type WantedLabels } from './labels.ts';
import { listSchema, volumesSchema } from './replies.ts';
import type { EngineTiming } from './timing.ts';

export interface ListParts {
  readonly daemon: Daemon;
  readonly timing: EngineTiming;
}

type Listed = z.infer<typeof listSchema>;
export type ListedVolume = NonNullable<z.infer<typeof volumesSchema>['Volumes']>[number];

// Docker is asked for objects with all of the labels, and its answer is filtered again, because
// listed objects may be removed. Engines combine filters differently: Podman 4 lists the volumes
// that match any of them.

export async function listContainers(parts: ListParts, labels: WantedLabels): Promise<Listed> {
  const query = { all: '1', filters: toFilters(labels) };
  const listed = await ask(parts, { path: '/containers/json', query }, listSchema);
  return listed.filter(isLabelled(labels));
}

export async function listNetworks(parts: ListParts, labels: WantedLabels): Promise<Listed> {
  const query = { filters: toFilters(labels) };
  const listed = await ask(parts, { path: '/networks', query }, listSchema);
  return listed.filter(isLabelled(labels));
}

export async function listVolumes(
  parts: ListParts,
  labels: WantedLabels,
): Promise<readonly ListedVolume[]> {
  const query = { filters: toFilters(labels) };
  const { Volumes } = await ask(parts, { path: '/volumes', query }, volumesSchema);
  return (Volumes ?? []).filter(isLabelled(labels));
}

/** Lists the names of all volumes that no container has mounted, whoever made them. */
export async function listDanglingVolumes(parts: ListParts): Promise<ReadonlySet<string>> {
  // Podman 4 treats several filters as alternatives, so this one is used alone.
  const query = { filters: JSON.stringify({ dangling: ['true'] }) };
  const { Volumes } = await ask(parts, { path: '/volumes', query }, volumesSchema);
  return new Set((Volumes ?? []).map(({ Name }) => Name));
}

async function ask<T>(
  { daemon, timing }: ListParts,
  { path, query }: Required<Pick<DaemonCall, 'path' | 'query'>>,
  schema: z.ZodType<T>,
): Promise<T> {
  const doing = `list ${path.split('/')[1] ?? ''} by labels`;
  const call: DaemonCall = { doing, method: 'GET', path, query, patience: 'long' };
  const { body } = await daemon.expect(call, { limitMs: timing.callLimitMs, accept: [200] });
  return parseReply(schema, body, daemon.action(call));
}

function toFilters(labels: WantedLabels): string {
  const label = Object.entries(labels).map(([key, value]) =>
    value === undefined ? key : `${key}=${value}`,
  );
  return JSON.stringify({ label });
}

interface Labelled {
  readonly Labels?: Readonly<Record<string, string>> | null | undefined;
}

function isLabelled(wanted: WantedLabels): (object: Labelled) => boolean {
  return ({ Labels }) => hasLabels(Labels ?? {}, wanted);
}
