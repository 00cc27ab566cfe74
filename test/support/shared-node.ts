import { after } from 'node:test';
import type { FakeJob, JobSpec } from './fake-gitlab/types.ts';
import {
  finish,
  openInstallation,
  type Installation,
  type InstallationOptions,
} from './installation.ts';

/** The installation of a group of tests. */
export interface Place {
  /** Starts the node and waits until it is ready. */
  open(): Promise<Installation>;
  /** Adds a job for the runner with these of the `configs`. The default is the first. */
  addJob(spec: JobSpec, config?: number): FakeJob;
  /** Ends the node and checks that nothing is left, unless other groups use it too. */
  close(): Promise<void>;
}

export interface PlaceOptions extends InstallationOptions {
  /**
   * True: the group has a node of its own even where groups share one, for example because it kills
   * the node.
   */
  readonly isAlone?: boolean;
}

/** The lines of config.toml that one runner of a shared node has for itself. */
interface RunnerLines {
  /** Lines of `[[runners]]`. They come before its tables. */
  readonly runnerToml: string;
  /** Lines of `[runners.docker]`. */
  readonly dockerToml: string;
}

interface SharedNode {
  readonly concurrent: number;
  /** Adds a runner with these lines. Runners with the same lines are one. Returns its index. */
  addRunner(lines: RunnerLines): number;
  open(): Promise<Installation>;
}

let current: SharedNode | undefined;

/**
 * Lets all groups that `register` describes use one node with several runners, because the start of
 * a node and its Temporal takes as much CPU as eight jobs. The node starts with the first group and
 * ends after all tests of the process, when it has to leave nothing behind. A call within another
 * one uses its node.
 */
export async function shareNode(
  register: () => void | Promise<void>,
  concurrent = 3,
): Promise<void> {
  if (current !== undefined) return register();
  let tellRegistered = (): void => undefined;
  const registered = new Promise<void>((resolve) => {
    tellRegistered = resolve;
  });
  const { node, close } = createSharedNode({ registered, concurrent });
  current = node;
  after(close);
  try {
    await register();
  } finally {
    current = undefined;
    tellRegistered();
  }
}

/**
 * Returns the installation for a group that needs one runner for each of `configs`, which are lines
 * of `[runners.docker]`. Within `shareNode` that is the shared one, if the group needs the same
 * `concurrent` and nothing else than lines of its own in config.toml.
 */
export function findPlace(options: PlaceOptions, configs: readonly string[]): Place {
  const { isAlone = false, concurrent, runnerToml = '', dockerToml = '', ...others } = options;
  const node = current;
  const hasOthers = Object.keys(others).length > 0;
  if (node === undefined || isAlone || hasOthers || concurrent !== node.concurrent) {
    return ownPlace(options, configs);
  }
  const indexes = configs.map((config) =>
    node.addRunner({ runnerToml, dockerToml: `${dockerToml}\n${config}` }),
  );
  let installation: Installation | undefined;
  return {
    open: async () => {
      installation = await node.open();
      return installation;
    },
    addJob: (spec, config = 0) => addJob(installation, spec, indexes[config]),
    close: () => Promise.resolve(),
  };
}

function ownPlace(options: InstallationOptions, configs: readonly string[]): Place {
  let installation: Installation | undefined;
  return {
    open: async () => {
      installation = await openInstallation({ dockerTomls: configs, ...options });
      await installation.start();
      return installation;
    },
    addJob: (spec, config = 0) => addJob(installation, spec, config),
    close: async () => {
      if (installation !== undefined) await finish(installation);
    },
  };
}

function addJob(
  installation: Installation | undefined,
  spec: JobSpec,
  runner: number | undefined,
): FakeJob {
  const runnerToken = installation?.tokens[runner ?? -1];
  if (installation === undefined || runnerToken === undefined)
    throw new Error('the node was not started, or has no such runner');
  return installation.gitlab.addJob({ runnerToken, ...spec });
}

function createSharedNode({
  registered,
  concurrent,
}: {
  /** Resolves when all groups have added their runners. */
  readonly registered: Promise<void>;
  readonly concurrent: number;
}): { readonly node: SharedNode; close(): Promise<void> } {
  const runners: RunnerLines[] = [];
  let installation: Installation | undefined;
  let opening: Promise<Installation> | undefined;
  const open = async (): Promise<Installation> => {
    await registered;
    installation = await openInstallation({
      concurrent,
      runnerTomls: runners.map(({ runnerToml }) => runnerToml),
      dockerTomls: runners.map(({ dockerToml }) => dockerToml),
    });
    await installation.start();
    return installation;
  };
  return {
    node: {
      concurrent,
      addRunner: (lines) => {
        const index = runners.findIndex(
          ({ runnerToml, dockerToml }) =>
            runnerToml === lines.runnerToml && dockerToml === lines.dockerToml,
        );
        return index >= 0 ? index : runners.push(lines) - 1;
      },
      open: () => (opening ??= open()),
    },
    close: async () => {
      if (installation !== undefined) await finish(installation);
    },
  };
}
