import { readFile } from 'node:fs/promises';
import { isSecure, type OidcSettings } from '../../adapters/codec-server/oidc.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { parseListenAddress } from '../../domain/runner/listen-address.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export const ADDRESS_NAME = 'TEMPORAL_GITLAB_RUNNER_CODEC_ADDRESS';
const TOKEN_NAME = 'TEMPORAL_GITLAB_RUNNER_CODEC_TOKEN_FILE';
const ORIGINS_NAME = 'TEMPORAL_GITLAB_RUNNER_CODEC_ORIGINS';
const HOSTS_NAME = 'TEMPORAL_GITLAB_RUNNER_CODEC_HOSTS';
const ISSUER_NAME = 'TEMPORAL_GITLAB_RUNNER_CODEC_OIDC_ISSUER';
const AUDIENCE_NAME = 'TEMPORAL_GITLAB_RUNNER_CODEC_OIDC_AUDIENCE';
const CLAIM_NAME = 'TEMPORAL_GITLAB_RUNNER_CODEC_OIDC_CLAIM';
/** A random token of this length has at least 128 bits. */
const TOKEN = /^[\w-]{22,200}$/;

/** The settings of the codec server from the environment. */
export interface CodecSettings {
  /**
   * undefined: the node chooses an address, for its own Temporal. `off`: there is no codec server.
   */
  readonly address: { readonly host: string; readonly port: number } | 'off' | undefined;
  /** The token that lets people in. With an `address`, this or `oidc` or both are set. */
  readonly token: string | undefined;
  /** The login of the UI whose tokens are accepted. Set only with an `address`. */
  readonly oidc: OidcSettings | undefined;
  /** The addresses at which people open the UI, besides the embedded one. */
  readonly origins: readonly string[];
  /** The names by which people reach the server, besides loopback and its own address. */
  readonly hosts: readonly string[];
}

/**
 * Reads the settings. Throws InvalidConfig for values that make no sense, and for an address
 * without a token or a login.
 */
export async function readCodecSettings(env: Environment): Promise<CodecSettings> {
  const address = readAddress(env[ADDRESS_NAME] ?? '');
  const keepers = { tokenFile: env[TOKEN_NAME] ?? '', oidc: readOidc(env) };
  return {
    address,
    ...(typeof address === 'object' ? await readKeepers(keepers) : NO_KEEPERS),
    origins: readOrigins(env[ORIGINS_NAME] ?? ''),
    hosts: listOf(env[HOSTS_NAME] ?? '').map((host) => host.toLowerCase()),
  };
}

/** The settings that tell who is let in. */
type Keepers = Pick<CodecSettings, 'token' | 'oidc'>;

const NO_KEEPERS: Keepers = { token: undefined, oidc: undefined };

async function readKeepers({
  tokenFile,
  oidc,
}: Pick<Keepers, 'oidc'> & { readonly tokenFile: string }): Promise<Keepers> {
  if (tokenFile !== '') return { token: await readToken(tokenFile), oidc };
  if (oidc !== undefined) return { token: undefined, oidc };
  throw lacksToken();
}

function readAddress(text: string): CodecSettings['address'] {
  if (text === '' || text === 'off') return text || undefined;
  const { host, port } = parseListenAddress(text) ?? {};
  if (host !== undefined && port !== undefined) return { host, port };
  throw wrong(ADDRESS_NAME, text, 'expected host:port, such as 127.0.0.1:8081, or off');
}

function lacksToken(): FinalError {
  return new FinalError(
    FailureType.InvalidConfig,
    `${ADDRESS_NAME} is set without ${TOKEN_NAME}, the file with the token that lets one decode, and without ${ISSUER_NAME}, the login whose tokens do`,
  );
}

async function readToken(file: string): Promise<string> {
  const token = (await readFile(file, 'utf8').catch(() => '')).trim();
  if (TOKEN.test(token)) return token;
  // The error does not quote the content, because it may be another secret.
  throw wrong(
    TOKEN_NAME,
    file,
    'expected a file with 22 to 200 letters, digits, - and _, such as `openssl rand -hex 32` makes',
  );
}

function readOidc(env: Environment): OidcSettings | undefined {
  const [issuer = '', text = ''] = [env[ISSUER_NAME], env[AUDIENCE_NAME]];
  const audiences = listOf(text);
  if (issuer === '' && audiences.length === 0) return undefined;
  if (!URL.canParse(issuer) || !isSecure(new URL(issuer))) {
    throw wrong(ISSUER_NAME, issuer, 'expected the https address that tokens name in `iss`');
  }
  if (audiences.length === 0) {
    throw wrong(AUDIENCE_NAME, text, "expected the UI's client id, which tokens name in `aud`");
  }
  return { issuer, audiences, claim: readClaim(env[CLAIM_NAME] ?? '') };
}

function readClaim(text: string): OidcSettings['claim'] {
  if (text === '') return undefined;
  const [, name, value] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name !== undefined && value !== undefined) return { name, value };
  throw wrong(CLAIM_NAME, text, 'expected claim=value, such as groups_direct=ops');
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
