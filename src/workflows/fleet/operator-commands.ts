import { log, patched, setHandler } from '@temporalio/workflow';
import { clearValue } from '../../domain/clear-text.ts';
import { isNoInput } from '../../domain/no-input.ts';
import type { FleetState, RunnerSettings } from '../../domain/runner/fleet.ts';
import { badInput, ignoreUnknownSignals, refuseInput, takesNoInput } from '../node/odd-messages.ts';
import * as messages from '../messages.ts';

/** What a person may change of a fleet. */
export interface OperatedFleet {
  state(): FleetState & { readonly installation: string };
  receive(change: {
    readonly paused?: readonly string[];
    readonly isDraining?: boolean;
    readonly isStopping?: boolean;
  }): void;
  reload(request?: unknown): void;
}

const PAUSE =
  'Stops job requests of one runner; its builds go on. Input: its name or key, "runner 1".';
const RESUME_RUNNER = 'Resumes job requests of one runner. Input: its name or key, "runner 1".';
const RESUME = 'Resumes job requests of the node, or of the runner that is the input.';
const DRAIN = 'Stops all job requests of the node; builds go on. No input.';
/** The log shows at most this much of what a person has typed as the name of a runner. */
const MAX_SAID_CHARS = 100;
const RELOAD = 'Reads config.toml of the node again. No input.';

/** Handles the operator commands. Logs every command, and every signal that is not known. */
export function handleOperatorCommands(fleet: OperatedFleet): void {
  const { state, receive } = fleet;
  const say = (message: string): void => log.info(message, { node: state().installation });
  const drain = (): void => {
    receive({ isDraining: true });
    say('node drained: no job is asked for until `resume`, its builds go on');
  };
  const resume = (): void => {
    receive({ isDraining: false });
    say('node resumed: jobs are asked for');
  };
  const commands = { drain, resume, ...runnerCommandsOf(fleet) };
  const { pauseRunner, resumeRunner } = commands;
  setHandler(messages.pauseRunnerSignal, pauseRunner, { description: PAUSE });
  setHandler(messages.pauseSignal, pauseRunner, { description: PAUSE });
  setHandler(messages.resumeRunnerSignal, resumeRunner, { description: RESUME_RUNNER });
  setHandler(messages.drainSignal, takesNoInput('drain', drain), { description: DRAIN });
  setHandler(messages.resumeSignal, (runner) => resumeAsSignaled(runner, commands), {
    description: RESUME,
  });
  const reload = takesNoInput('reload', () => fleet.reload());
  setHandler(messages.reloadSignal, reload, { description: RELOAD });
  const stop = takesNoInput('stop', () => {
    receive({ isStopping: true });
    say('job requests stopped until a reload or a restart');
  });
  setHandler(messages.stopSignal, stop, {
    description: 'Stops the workflows that ask for jobs, until a reload or a restart. No input.',
  });
  handleUpdates(fleet, commands);
  ignoreUnknownSignals();
}

/** Up to 0.1.0 the signal ignored its input and always resumed the whole node. */
function resumeAsSignaled(runner: unknown, commands: OperatorCommands): void {
  if (isNoInput(runner) || !patched('the signal resume takes a runner')) commands.resume();
  else commands.resumeRunner(runner);
}

interface OperatorCommands {
  pauseRunner(runner: unknown): void;
  resumeRunner(runner: unknown): void;
  drain(): void;
  resume(): void;
}

function runnerCommandsOf(
  fleet: OperatedFleet,
): Pick<OperatorCommands, 'pauseRunner' | 'resumeRunner'> {
  const { state, receive } = fleet;
  const refuse = (signal: string, runner: unknown): void => {
    log.warn(`${signal} names no runner of this node, ignored`, {
      runner: String(runner).slice(0, MAX_SAID_CHARS),
      known: state().settings.runners.map(({ name }) => name),
    });
  };
  return {
    pauseRunner: (runner) => {
      if (typeof runner !== 'string') return refuse('pauseRunner', typeof runner);
      const found = findRunner(fleet, runner);
      // Until 0.1.0 a pause of an unknown name was kept, and paused the runner that later got this
      // name.
      if (found === undefined && patched('refuses runners that are not there')) {
        return refuse('pauseRunner', runner);
      }
      receive({ paused: [...new Set([...state().paused, found?.key ?? runner])] });
      log.info('runner paused: no job is asked for until `resume`, its builds go on', {
        ...{ node: state().installation, runner: found?.key, runner_name: found?.name },
      });
    },
    resumeRunner: (runner) => {
      if (typeof runner !== 'string') return refuse('resumeRunner', typeof runner);
      const found = findRunner(fleet, runner);
      // A runner that was removed from the file while it was paused is still known by its key.
      const key = found?.key ?? runner;
      const isKnown = found !== undefined || state().paused.includes(key);
      receive({ paused: state().paused.filter((paused) => paused !== key) });
      if (!isKnown) return refuse('resumeRunner', runner);
      log.info('runner resumed: jobs are asked for', {
        ...{ node: state().installation, runner: key, runner_name: found?.name },
      });
    },
  };
}

function findRunner({ state }: OperatedFleet, runner: string): RunnerSettings | undefined {
  return state().settings.runners.find(({ key, name }) => key === runner || name === runner);
}

/**
 * Accepts the same commands as updates. Unlike a signal, an update tells its sender what is wrong
 * with it.
 */
function handleUpdates(fleet: OperatedFleet, commands: OperatorCommands): void {
  const requireRunner = (runner: unknown): void => {
    const isPaused = typeof runner === 'string' && fleet.state().paused.includes(runner);
    if (typeof runner === 'string' && (isPaused || findRunner(fleet, runner) !== undefined)) return;
    throw badInput('the input is the name or key of a runner of this node, such as "runner 1"');
  };
  setHandler(
    messages.pauseUpdate,
    (runner) => {
      commands.pauseRunner(runner);
      return clearValue('paused until `resume`: its builds go on');
    },
    { description: PAUSE, validator: requireRunner },
  );
  setHandler(
    messages.resumeUpdate,
    (runner?: string) => {
      if (isNoInput(runner)) commands.resume();
      else commands.resumeRunner(runner);
      return clearValue('resumed: jobs are asked for');
    },
    {
      description: RESUME,
      validator: (runner?: string) => {
        if (!isNoInput(runner)) requireRunner(runner);
      },
    },
  );
  setHandler(
    messages.drainUpdate,
    () => {
      commands.drain();
      return clearValue('drained until `resume`: builds go on');
    },
    { description: DRAIN, validator: refuseInput('drain') },
  );
  setHandler(
    messages.reloadUpdate,
    () => {
      fleet.reload();
      return clearValue('config.toml is read again');
    },
    { description: RELOAD, validator: refuseInput('reload') },
  );
}
