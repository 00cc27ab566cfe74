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

/** Whether the container was started for a shell. */
type StartAnswer =
  | { readonly kind: 'started' }
  /** `reason` tells the person why it was not. */
  | { readonly kind: 'refused'; readonly reason: string };

/** A person who waits for the container. */
interface Waiting {
  answer: StartAnswer | { readonly kind: 'awaited' };
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
      first.answer = await answerOf(() => start(number));
    },
  };
}

function refused(reason: string): StartAnswer {
  return { kind: 'refused', reason };
}

async function answerOf(start: () => Promise<boolean>): Promise<StartAnswer> {
  try {
    return (await start()) ? { kind: 'started' } : refused('the job has no container yet');
  } catch (error) {
    throwBug(error);
    // The refusal is not encrypted, so it must not contain the message of the fault, which may
    // quote the job.
    log.warn('container not started for a shell', { reason: reasonOf(error) });
    return refused('the container could not be started: the log of a node says why');
  }
}

function handleShells(waiting: Waiting[], scope: ShellScope): void {
  setHandler(
    messages.shellUpdate,
    async (input) => {
      const command = parseShellCommand(input);
      if (!command.isRunning) {
        const answer = await askToStart(waiting, scope);
        if (answer.kind === 'refused') throw badInput(answer.reason);
      }
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

/** Waits until the container was started, or cannot be started for this shell any more. */
async function askToStart(waiting: Waiting[], { heldUntilMs }: ShellScope): Promise<StartAnswer> {
  const mine: Waiting = { answer: { kind: 'awaited' } };
  waiting.push(mine);
  await condition(
    () => mine.answer.kind !== 'awaited' || (heldUntilMs() === undefined && waiting.includes(mine)),
  );
  if (mine.answer.kind !== 'awaited') return mine.answer;
  waiting.splice(waiting.indexOf(mine), 1);
  return refused('the build is not held any more');
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
