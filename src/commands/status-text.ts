import type { ContactStatus, NodeStatus, RunnerStatus } from '../domain/metrics/node-status.ts';
import type { WaitSummary } from '../domain/metrics/percentile.ts';
import type { FleetState } from '../domain/runner/fleet.ts';
import { formatAge } from './age.ts';
import { restOf, type SeenNode } from './fleet.ts';
import { cleanText, formatTable, type Cell, type View } from './terminal.ts';

/** A node as Temporal knows it. */
export interface OtherNode extends SeenNode {
  readonly builds: number;
}

/** What was found about a node, from the node itself or from Temporal. */
export interface FoundNode {
  /** The node's name; absent when it has never run. */
  readonly node?: string;
  /** Absent when the node does not run. */
  readonly status?: NodeStatus;
  /** Why there is no status. */
  readonly why?: string;
  /** Absent when Temporal, or the workflow of the node, does not answer. */
  readonly fleet?: FleetState | undefined;
  readonly others: readonly OtherNode[];
}

/** Formats the status for scripts: the same facts, without text that must be parsed. */
export function toJson({ node, status, why, fleet, others }: FoundNode, nowMs: number): unknown {
  return {
    ...{ node, isRunning: status !== undefined, why, ...status },
    ...(status !== undefined && {
      isDraining: fleet?.isDraining,
      runners: status.runners.map((one) => ({ ...one, state: stateOf(one, fleet, nowMs) })),
    }),
    others: others.map((one) => ({
      node: one.node,
      builds: one.builds,
      state: stateOfNode(one),
      runners: one.fleet?.settings.runners.map(({ name }) => name),
    })),
  };
}

/** Formats the status for people: the node, its runners, what is wrong, and the other nodes. */
export function formatStatus(found: FoundNode, view: View): string {
  const { status, why = '', others } = found;
  const parts =
    status === undefined
      ? [`${view.paint('red', 'not running')}: ${cleanText(why)}\n`]
      : [
          formatHead(found, status, view),
          formatRunners(found, status, view),
          formatTroubles(found, status, view),
        ];
  return [...parts, formatOthers(others, view)].filter((part) => part !== '').join('\n');
}

function formatHead({ node = '?' }: FoundNode, status: NodeStatus, { paint }: View): string {
  const { version, pid, state, uptimeSeconds, temporal, slots } = status;
  const colour = state === 'running' ? 'green' : 'yellow';
  const age = formatAge(uptimeSeconds * 1000);
  const { concurrent, builds, requests, free } = slots;
  const lines = [
    `node      ${cleanText(node)} · ${paint(colour, state)} for ${age} · version ${version} · pid ${pid}`,
    temporal && `Temporal  ${temporal.address}, namespace ${temporal.namespace}`,
    temporal?.ui && `UI        ${temporal.ui}`,
    `slots     ${builds} of ${concurrent} used by builds, ${requests} by requests for jobs, ${free} free`,
  ];
  return lines.map((line) => (line ? `${line}\n` : '')).join('');
}

const HEAD = ['RUNNER', 'STATE', 'RUNNING', 'WAITING', 'IN QUEUE', 'PICK-UP', 'GITLAB'];

function formatRunners({ fleet }: FoundNode, { runners }: NodeStatus, view: View): string {
  if (runners.length === 0) return 'no runners in the config\n';
  const rows = runners.map((runner): readonly Cell[] => {
    const state = stateOf(runner, fleet, view.nowMs);
    const { running, waiting, queue, pickup, lastContact } = runner;
    return [
      ...[runner.name, { text: state, colour: state === ASKING ? 'green' : 'yellow' } as const],
      ...[`${running}`, waiting === undefined ? '?' : `${waiting}`],
      ...[formatWaits(queue), formatWaits(pickup), formatContact(lastContact)],
    ];
  });
  const isMeasured = runners.some(({ queue, pickup }) => queue.count + pickup.count > 0);
  const legend =
    'IN QUEUE and PICK-UP: median / 95 % of the last 200 jobs. WAITING: as GitLab said.\n';
  return formatTable([HEAD, ...rows], view.paint) + (isMeasured ? view.paint('dim', legend) : '');
}

function formatWaits({ count, medianSeconds = 0, p95Seconds = 0 }: WaitSummary): string {
  return count === 0 ? '–' : `${formatSeconds(medianSeconds)} / ${formatSeconds(p95Seconds)}`;
}

/** Formats a duration as `0.25 s` or `12.3 s`, and a longer one as an age. */
function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(2)} s`;
  return seconds < 120 ? `${seconds.toFixed(1)} s` : formatAge(seconds * 1000);
}

function formatContact(contact: ContactStatus | undefined): Cell {
  if (contact === undefined) return 'not asked yet';
  const { words, secondsAgo, isServed } = contact;
  const text = `${words}, ${formatAge(secondsAgo * 1000)} ago`;
  return { text, colour: isServed ? undefined : 'red' };
}

function formatTroubles(found: FoundNode, status: NodeStatus, { paint }: View): string {
  const troubles = troublesOf(found, status);
  if (troubles.length === 0) return `${paint('green', 'nothing is wrong')}\n`;
  const lines = troubles.map((trouble) => `  ${paint('red', '✗')} ${cleanText(trouble)}\n`);
  return `wrong:\n${lines.join('')}`;
}

/** Lists what is wrong, or keeps the node from asking for jobs. */
function troublesOf({ fleet }: FoundNode, { state, checks }: NodeStatus): readonly string[] {
  const failing = checks
    .filter(({ name, isOk }) => !isOk && name !== 'process')
    .map(({ name, reason }) => `${TITLES[name]}: ${reason}`);
  const rest = state === 'running' ? [] : [`process: ${STATES[state] ?? state}`];
  if (fleet?.isDraining === true) rest.push('drained: no job is asked for until `resume`');
  const paused = fleet?.settings.runners.filter(({ key }) => fleet.paused.includes(key)) ?? [];
  for (const { name } of paused) rest.push(`paused: ${name}, until \`resume\` of it`);
  if (fleet === undefined) {
    rest.push(
      'not known whether the node is drained or paused: Temporal, or its workflow, does not answer',
    );
  }
  return [...failing, ...rest];
}

const TITLES = {
  config: 'config.toml',
  temporal: 'Temporal',
  docker: 'Docker',
  gitlab: 'GitLab',
  disk: 'this machine',
  process: 'process',
} as const;

const STATES: Readonly<Record<string, string>> = {
  starting: 'it is starting',
  'graceful-shutdown': 'it takes no new jobs and ends after its last build',
  'forceful-shutdown': 'it is stopping; its builds go on',
};

const ASKING = 'asks for jobs';

function stateOf({ key }: RunnerStatus, fleet: FleetState | undefined, nowMs: number): string {
  const settings = fleet?.settings.runners.find((one) => one.key === key);
  if (fleet === undefined || settings === undefined) return 'not known';
  return restOf(fleet, settings, nowMs) ?? ASKING;
}

function stateOfNode({ fleet }: OtherNode): string {
  if (fleet === undefined) return 'does not answer';
  return fleet.isDraining ? 'drained' : ASKING;
}

function formatOthers(others: readonly OtherNode[], { paint }: View): string {
  if (others.length === 0) return '';
  const rows = others.map((one): readonly Cell[] => {
    const state = stateOfNode(one);
    const names = one.fleet?.settings.runners.map(({ name }) => name).join(', ') ?? '?';
    const colour = state === ASKING ? 'green' : 'yellow';
    return [one.node, { text: state, colour }, `${one.builds}`, names];
  });
  return formatTable([['OTHER NODE', 'STATE', 'RUNNING', 'RUNNERS'], ...rows], paint);
}
