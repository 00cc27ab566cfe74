import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'node:test';
import { createBuildStore } from '../../src/adapters/state/build-store.ts';
import { stateDirectoryPaths, type StatePaths } from '../../src/adapters/state/state-directory.ts';
import type { CommandPorts } from '../../src/commands/ports.ts';
import { contextOf } from '../domain/job/context-fixture.ts';
import { loadCipher } from '../support/cipher.ts';
import { createFakeTemporal, type FakeTemporal, type FakeWorkflow } from './fake-temporal.ts';
import { run, type Ran, type RunOptions } from './support.ts';

export const NODE = 'node-1';
export const BUILD = 'build/gitlab.example.com/7';
export const OTHER_BUILD = 'build/other.example.com/8';

const limits = { unhealthyRequestsLimit: 3, unhealthyIntervalMs: 3_600_000 };
/** Two runners that may ask for jobs. */
export const FLEET = {
  settings: {
    ...{ checkIntervalMs: 3_000, concurrent: 4 },
    runners: [
      { key: 'k1', name: 'one', limit: 0, requestConcurrency: 1, ...limits },
      { key: 'k2', name: 'two', limit: 0, requestConcurrency: 1, ...limits },
    ],
  },
  ...{ health: {}, paused: [] as readonly string[], isDraining: false },
};

export function feeder(fleet: object | undefined = FLEET, node = NODE): FakeWorkflow {
  const answers = fleet && { fleetState: fleet };
  return { type: 'feedRunners', id: `feed-runners/${node}`, ...(answers && { answers }) };
}

export function build(changes: Partial<FakeWorkflow> = {}): FakeWorkflow {
  return {
    ...{ type: 'runBuild', id: BUILD, node: NODE, summary: 'app · rspec #7 · main' },
    ...{ startedAt: new Date(1_000), answers: { status: { stage: 'step_script' } } },
    ...changes,
  };
}

/** The state directory of a node, and a Temporal with its workflows. No process of it runs. */
export interface RunningNode {
  readonly temporal: FakeTemporal;
  readonly state: StatePaths;
  /** Number of open connections to Temporal. */
  readonly openClients: number;
  /** Makes the directory and the record of a build that this node runs. Returns its directory. */
  record(): Promise<string>;
  run(args: readonly string[], options?: NodeRunOptions): Promise<Ran>;
  close(): Promise<void>;
}

export interface NodeRunOptions extends Omit<RunOptions, 'ports'> {
  readonly ports?: Partial<CommandPorts>;
}

async function openRunningNode(workflows: readonly FakeWorkflow[]): Promise<RunningNode> {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-command-'));
  const configPath = join(directory, 'config.toml');
  const state = stateDirectoryPaths({ configPath, env: {} });
  await mkdir(state.path, { recursive: true, mode: 0o700 });
  await writeFile(state.installationFile, `${NODE}\n`);
  const temporal = createFakeTemporal(workflows);
  let openClients = 0;
  const ports: CommandPorts = {
    visitTemporal: async () => {
      openClients += 1;
      return {
        client: temporal.client,
        closeClient: async () => {
          openClients -= 1;
        },
      };
    },
    openTerminalEngine: () => Promise.reject(new Error('no command but `shell` needs Docker')),
  };
  return {
    ...{ temporal, state },
    get openClients() {
      return openClients;
    },
    record: async () => {
      const cipher = await loadCipher(state.keyRingFile);
      const store = await createBuildStore({ directory: state.buildsDir, cipher });
      await store.create(contextOf({ job: { id: 7 }, context: { buildId: BUILD } }));
      return store.directory(BUILD);
    },
    run: (args, options = {}) =>
      run([...args, '--config', configPath], '', {
        ...options,
        ports: { ...ports, ...options.ports },
      }),
    close: () => rm(directory, { recursive: true, force: true }),
  };
}

/** The node of the test that runs now. */
export let node: RunningNode;
const opened: RunningNode[] = [];

/** Closes the nodes of each test of the calling file after it, and checks that they left nothing. */
export function closeNodes(): void {
  afterEach(async () => {
    for (const one of opened.splice(0)) {
      assert.equal(one.openClients, 0, 'the connection to Temporal is closed');
      await one.close();
    }
  });
}

/** Opens a node that {@link closeNodes} closes after the test. */
export async function open(...workflows: readonly FakeWorkflow[]): Promise<RunningNode> {
  node = await openRunningNode(workflows);
  opened.push(node);
  return node;
}
