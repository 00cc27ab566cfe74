import { condition, log, setHandler } from '@temporalio/workflow';
import { describeCommand, parseShellCommand, type ShellCommand } from '../../domain/build/hold.ts';
import { formatMoment } from '../../domain/build/stage-table.ts';
import { clearValue } from '../../domain/clear-text.ts';
import * as messages from '../messages.ts';
import { reasonOf, throwBug } from './activity-failure.ts';
import { badInput } from './odd-messages.ts';

/** Starts the job's container on its node. Returns false where the job has none. */
export type ShellStart = (count: number) => Promise<boolean>;

/** People's shells in the job's container. Each is announced to people before it gets any input. */
export interface Shells {
  /** True: a person waits for the container to be started. */
  readonly isAwaited: boolean;
  /**
   * Starts the container for the person who waits. Only call it while the build is held, because
   * nothing else may run in the container meanwhile.
   */
  serve(start: ShellStart): Promise<void>;
}

interface ShellScope {
  /** Until when the build is held now, at the latest; undefined while it is not. */
  heldUntilMs(): number | undefined;
  /** Returns why no shell can be opened any more; undefined while one can. */
  endRefusal(): string | undefined;
  /** Whether the build's node can start the container for a shell. */
  canStart(): boolean;
  /** Tells people about a command. */
  tell(text: string): void;
}

/** A person who waits for the container. */
interface Waiting {
  /** Why it was not started; '' when it was, and undefined until that is known. */
  refusal: string | undefined;
}

const SHELL =
  'Tells the log of a shell. The command `shell` sends it before it opens one. Input: {"by": "alice"}.';
const NOT_HELD =
  "the job's container does not run now. It runs during the job's scripts, and can be started while " +
  'somebody holds the build (see `hold`)';
const EARLIER_RELEASE =
  'an earlier release began this build, and its node cannot start the container for a shell';

export function openShells(scope: ShellScope): Shells {
  const waiting: Waiting[] = [];
  let count = 0;
  handleShells(waiting, scope);
  return {
    get isAwaited() {
      return waiting.length > 0;
    },
    serve: async (start) => {
      const first = waiting.shift();
      if (first === undefined) return;
      count += 1;
      const number = count;
      first.refusal = await refusalOf(() => start(number));
    },
  };
}

async function refusalOf(start: () => Promise<boolean>): Promise<string> {
  try {
    return (await start()) ? '' : 'the job has no container yet';
  } catch (error) {
    throwBug(error);
    // The refusal is not encrypted, so it must not contain the message of the fault, which may
    // quote the job.
    log.warn('container not started for a shell', { reason: reasonOf(error) });
    return 'the container could not be started: the log of a node says why';
  }
}

function handleShells(waiting: Waiting[], scope: ShellScope): void {
  setHandler(
    messages.shellUpdate,
    async (input) => {
      const command = parseShellCommand(input);
      const refusal = command.isRunning ? '' : await askToStart(waiting, scope);
      if (refusal !== '') throw badInput(refusal);
      return clearValue(tellOf(command, scope));
    },
    {
      description: SHELL,
      validator: (input) => {
        const refusal = scope.endRefusal() ?? startRefusal(parseShellCommand(input), scope);
        if (refusal !== undefined) throw badInput(refusal);
      },
    },
  );
}

function startRefusal({ isRunning }: ShellCommand, scope: ShellScope): string | undefined {
  if (isRunning) return undefined;
  if (scope.heldUntilMs() === undefined) return NOT_HELD;
  return scope.canStart() ? undefined : EARLIER_RELEASE;
}

/** Returns why the container was not started; '' when it was. */
async function askToStart(waiting: Waiting[], { heldUntilMs }: ShellScope): Promise<string> {
  const mine: Waiting = { refusal: undefined };
  waiting.push(mine);
  await condition(
    () => mine.refusal !== undefined || (heldUntilMs() === undefined && waiting.includes(mine)),
  );
  if (mine.refusal !== undefined) return mine.refusal;
  waiting.splice(waiting.indexOf(mine), 1);
  return 'the build is not held any more';
}

/** Tells people about the shell. The answer to the sender is not encrypted and names nothing. */
function tellOf({ by, container }: ShellCommand, { heldUntilMs, tell }: ShellScope): string {
  const untilMs = heldUntilMs();
  const place = container === undefined ? "the job's container" : `container ${container}`;
  const end =
    untilMs === undefined ? 'until its stage ends' : `until ${formatMoment(untilMs)} at the latest`;
  tell(describeCommand('Shell', { what: `in ${place}, ${end}`, by, atMs: Date.now() }));
  return `the shell may stay ${end}`;
}
