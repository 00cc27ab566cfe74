import { createInterface } from 'node:readline';
import type { CommandIo } from './context.ts';

export interface PromptOptions {
  /** Name of the option that answers the question. */
  readonly option: string;
  readonly prompt: string;
  /**
   * The value from the command line or the environment. It is the default, or the answer when
   * nobody is asked.
   */
  readonly given: string;
  readonly mayBeEmpty?: boolean;
  /** True: the default is not shown, because terminals are watched and recorded. */
  readonly isSecret?: boolean;
}

export interface Prompter {
  /**
   * Asks until there is an answer. Without a person, it throws when an answer is needed and none
   * was given.
   */
  ask(input: PromptOptions): Promise<string>;
  close(): void;
}

/** Answers with the given values and asks nobody. */
export const silentPrompter: Prompter = {
  ask: ({ option, given, mayBeEmpty = false }) => {
    const answer = given.trim();
    if (answer !== '' || mayBeEmpty) return Promise.resolve(answer);
    return Promise.reject(new Error(`The ${option} needs to be entered: set --${option}`));
  },
  close: () => undefined,
};

/** Asks on stderr, as gitlab-runner does, and reads answers line by line, also from a pipe. */
export function createPrompter({ input, stderr }: Pick<CommandIo, 'input' | 'stderr'>): Prompter {
  const reader = createInterface({ input, terminal: false });
  const lines = reader[Symbol.asyncIterator]();
  return {
    ask: async ({ prompt, given, mayBeEmpty = false, isSecret = false }) => {
      const preset = given.trim();
      const shown = isSecret ? 'as given' : preset;
      for (;;) {
        stderr.write(`${prompt}\n${preset === '' ? '' : `[${shown}]: `}`);
        const line = await lines.next();
        if (line.done === true) {
          throw new Error('Unexpected end of input. Did you mean to use --non-interactive?');
        }
        const answer = line.value.trim() || preset;
        if (answer !== '' || mayBeEmpty) return answer;
      }
    },
    close: () => reader.close(),
  };
}
