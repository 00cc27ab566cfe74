import { writeNodeNote } from '../adapters/state/node-note.ts';
import type { FleetState } from '../domain/runner/fleet.ts';
import { feedRunnersId, fleetStateQuery } from '../workflows/messages.ts';
import type { Node } from './node.ts';

const QUERY_LIMIT_MS = 10_000;

/**
 * Writes the note by which commands find the node from its config file, because they do not have
 * its environment.
 */
export async function noteNode(
  { temporal, stateDir, ports: { log } }: Node,
  configPath: string,
): Promise<void> {
  const { address, namespace, uiAddress } = temporal;
  // Commands find an embedded Temporal by the state directory, even after its port has changed.
  const isOwn = uiAddress !== undefined;
  const note = { stateDir, ...(!isOwn && { temporal: { address, namespace } }) };
  await writeNodeNote(configPath, { note, log });
}

/**
 * Logs what keeps a starting node from asking for jobs, because somebody may have drained it long
 * ago.
 */
export async function logStanding({ temporal, installation, ports }: Node): Promise<void> {
  const { client } = temporal;
  const handle = client.workflow.getHandle(feedRunnersId(installation));
  try {
    const fleet = await client.withDeadline(Date.now() + QUERY_LIMIT_MS, () =>
      handle.query(fleetStateQuery),
    );
    logFleetState(fleet, ports.log);
  } catch (error) {
    ports.log.debug('not known whether the node is drained', { error });
  }
}

function logFleetState(
  { isDraining, paused, settings }: FleetState,
  log: Node['ports']['log'],
): void {
  if (isDraining) {
    log.warn('this node is drained: it asks for no job until `temporal-gitlab-runner resume`');
  }
  for (const { key, name } of settings.runners.filter((one) => paused.includes(one.key))) {
    log.warn('this runner is paused: no job is asked for until it is resumed', {
      runner: key,
      runner_name: name,
    });
  }
}
