import { readFile } from 'node:fs/promises';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { parseListenAddress } from '../../domain/runner/listen-address.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export const ADDRESS_NAME = 'TEMPORAL_GITLAB_RUNNER_CODEC_ADDRESS';
const TOKEN_NAME = 'TEMPORAL_GITLAB_RUNNER_CODEC_TOKEN_FILE';
const ORIGINS_NAME = 'TEMPORAL_GITLAB_RUNNER_CODEC_ORIGINS';
const HOSTS_NAME = 'TEMPORAL_GITLAB_RUNNER_CODEC_HOSTS';
/** 128 bits, if it was made by chance. */
const TOKEN = /^[\w-]{22,200}$/;

/** The codec server as the environment wants it. */
export interface CodecSettings {
  /** undefined: the node's own choice, for its own Temporal. `off`: none at all. */
  readonly address: { readonly host: string; readonly port: number } | 'off' | undefined;
  /** Set together with `address`. */
  readonly token: string | undefined;
  /** Where the UI is opened, besides the embedded one. */
  readonly origins: readonly string[];
  /** Names by which the server is reached, besides loopback and its own address. */
  readonly hosts: readonly string[];
}

/** Throws InvalidConfig for what makes no sense, and for an address without a token. */
export async function readCodecSettings(env: Environment): Promise<CodecSettings> {
  const address = readAddress(env[ADDRESS_NAME] ?? '');
  return {
    address,
    token: typeof address === 'object' ? await readToken(env[TOKEN_NAME] ?? '') : undefined,
    origins: readOrigins(env[ORIGINS_NAME] ?? ''),
    hosts: listOf(env[HOSTS_NAME] ?? '').map((host) => host.toLowerCase()),
  };
}

function readAddress(text: string): CodecSettings['address'] {
  if (text === '' || text === 'off') return text || undefined;
  const { host, port } = parseListenAddress(text) ?? {};
  if (host !== undefined && port !== undefined) return { host, port };
  throw wrong(ADDRESS_NAME, text, 'expected host:port, such as 127.0.0.1:8081, or off');
}

async function readToken(file: string): Promise<string> {
  if (file === '') {
    const message = `${ADDRESS_NAME} is set without ${TOKEN_NAME}: it names the file with the token that lets one decode`;
    throw new FinalError(FailureType.InvalidConfig, message);
  }
  const token = (await readFile(file, 'utf8').catch(() => '')).trim();
  if (TOKEN.test(token)) return token;
  // The content is not quoted: it may be another secret.
  throw wrong(
    TOKEN_NAME,
    file,
    'expected a file with 22 to 200 letters, digits, - and _, such as `openssl rand -hex 32` makes',
  );
}

function readOrigins(text: string): readonly string[] {
  return listOf(text).map((origin) => {
    if (URL.canParse(origin) && new URL(origin).origin === origin) return origin;
    throw wrong(ORIGINS_NAME, origin, 'expected origins such as https://temporal.example.com');
  });
}

function listOf(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((item) => item !== '');
}

function wrong(name: string, value: string, advice: string): FinalError {
  return new FinalError(
    FailureType.InvalidConfig,
    `${name} is ${JSON.stringify(value)}: ${advice}`,
  );
}
