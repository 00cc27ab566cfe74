import { spawn } from 'node:child_process';
import { z } from 'zod';
import type { CredentialPrograms, Log } from '../../ports/index.ts';
import { errorCode } from '../host/error-code.ts';

export interface CredentialProgramsOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  /** The program is killed after this many milliseconds. */
  readonly limitMs?: number;
}

const LIMIT_MS = 30_000;
const MAX_ANSWER_BYTES = 1024 * 1024;
const NOT_FOUND = 'credentials not found in native keychain';
/** The user name that marks the secret as an identity token. */
const TOKEN_USER = '<token>';

const listSchema = z.record(z.string(), z.string());
const credentialsSchema = z.object({ Username: z.string(), Secret: z.string() });

/**
 * Runs Docker's credential helpers, `docker-credential-<name>` on the PATH. Input and output go
 * through stdin and stdout, so no secret appears in an argument, an error or the log. Source:
 * docker/docker-credential-helpers, `client`.
 */
export function createCredentialPrograms(options: CredentialProgramsOptions): CredentialPrograms {
  return {
    list: async (helper) => {
      const { exitCode, answer } = await run(options, { helper, action: 'list', input: 'unused' });
      if (exitCode !== 0) throw refused(options, { helper, exitCode, answer });
      return Object.keys(parse(listSchema, answer, helper));
    },
    get: async (helper, server) => {
      const { exitCode, answer } = await run(options, { helper, action: 'get', input: server });
      if (answer.trim() === NOT_FOUND) return undefined;
      if (exitCode !== 0) throw refused(options, { helper, exitCode, answer });
      const { Username, Secret } = parse(credentialsSchema, answer, helper);
      return Username === TOKEN_USER
        ? { server, username: '', password: '', identityToken: Secret }
        : { server, username: Username, password: Secret };
    },
  };
}

interface CredentialQuery {
  readonly helper: string;
  readonly action: 'list' | 'get';
  readonly input: string;
}

interface Answer {
  readonly exitCode: number | null;
  readonly answer: string;
}

function run(
  { env, limitMs = LIMIT_MS }: CredentialProgramsOptions,
  { helper, action, input }: CredentialQuery,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const program = programOf(helper);
    const child = spawn(program, [action], {
      env,
      stdio: ['pipe', 'pipe', 'ignore'],
      signal: AbortSignal.timeout(limitMs),
      killSignal: 'SIGKILL',
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= MAX_ANSWER_BYTES) chunks.push(chunk);
      else child.kill('SIGKILL');
    });
    child.on('error', (error) => {
      const reason =
        error.name === 'AbortError' ? `did not answer within ${limitMs / 1000} s` : reasonOf(error);
      reject(new Error(`${program} ${reason}`));
    });
    child.on('close', (exitCode) => {
      resolve({ exitCode, answer: Buffer.concat(chunks).toString() });
    });
    // The program may end without reading its input.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

function programOf(helper: string): string {
  return `docker-credential-${helper}`;
}

function reasonOf(error: Error): string {
  const code = errorCode(error) ?? error.message;
  return code === 'ENOENT' ? 'is not on the PATH of the runner' : `cannot be run (${code})`;
}

/**
 * Returns the error for a refusal. The program's own message goes to the log, which the node's
 * owner reads. A job must not learn about the node.
 */
function refused(
  { log }: CredentialProgramsOptions,
  { helper, exitCode, answer }: Answer & { readonly helper: string },
): Error {
  const program = programOf(helper);
  // A message that looks like an answer may contain a secret.
  const words = answer.includes('{') ? '(not shown)' : answer.trim().slice(0, 300);
  log.warn('credential helper failed', { program, exit_code: exitCode, words });
  return new Error(
    exitCode === null ? `${program} was killed` : `${program} failed with exit code ${exitCode}`,
  );
}

function parse<T>(schema: z.ZodType<T>, answer: string, helper: string): T {
  try {
    return schema.parse(JSON.parse(answer));
  } catch {
    // The parser's error is not passed on as the cause, because it would show the answer.
    throw new Error(`${programOf(helper)} gave an invalid answer`);
  }
}
