import type { BuildContext } from '../../domain/context/context.ts';
import { errorMessage } from '../../domain/error-message.ts';
import {
  authSourceOfJob,
  isServerOf,
  parseDockerConfig,
  type AuthSource,
  type RegistryAuth,
} from '../../domain/executor/registry-auth.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { buildVariables } from '../../domain/variables/variables.ts';
import type { CredentialPrograms, Ports } from '../../ports/index.ts';

/** What it takes to find the credentials of a registry. */
export type AuthPorts = Pick<Ports, 'registryAuthFiles' | 'credentialPrograms'>;

interface AuthInput {
  readonly ports: AuthPorts;
  readonly image: string;
}

/**
 * All sources of credentials for an image, the best first, including their helper programs. Only
 * programs that may know this image are asked. A failing program affects only its own source.
 * Source: gitlab-runner `helpers/docker/auth/auth.go` (AllConfigs).
 */
export async function readAuthSources(
  context: BuildContext,
  { ports, image }: AuthInput,
): Promise<readonly AuthSource[]> {
  const variables = buildVariables(context, { jobStatus: 'running' });
  const sources = [
    parseDockerConfig('$DOCKER_AUTH_CONFIG', variables.get('DOCKER_AUTH_CONFIG')),
    ...(await ports.registryAuthFiles()),
    authSourceOfJob(context.job.credentials),
  ];
  return Promise.all(
    sources.map((source) => askPrograms(source, { programs: ports.credentialPrograms, image })),
  );
}

interface ProgramInput {
  readonly programs: CredentialPrograms;
  readonly image: string;
}

/** Asks the helper programs. Their answers override the config file. */
async function askPrograms(source: AuthSource, input: ProgramInput): Promise<AuthSource> {
  const { store = '', byServer = {} } = source.helpers ?? {};
  for (const helper of [store, ...Object.values(byServer)]) assertName(helper, source);
  try {
    const entries = [
      ...(await askHelpers(byServer, input)),
      ...(await askStore(store, input)),
      ...source.entries,
    ];
    return { ...source, entries };
  } catch (error) {
    return { name: source.name, entries: [], problem: `${errorMessage(error)}; they are not used` };
  }
}

/**
 * Throws when the name is not that of a helper program. A job may also name helpers, and must not
 * choose which of the node's programs runs.
 */
function assertName(helper: string, { name }: AuthSource): void {
  if (!/[/\\\0]/.test(helper)) return;
  throw new FinalError(
    FailureType.RunnerConfiguration,
    `credential helper ${JSON.stringify(helper)} in ${name}: a path is not allowed there, only the rest of a name docker-credential-…`,
  );
}

async function askHelpers(
  byServer: Readonly<Record<string, string>>,
  { programs, image }: ProgramInput,
): Promise<readonly RegistryAuth[]> {
  const servers = Object.entries(byServer).filter(([server]) => isServerOf(server, image));
  const found = await Promise.all(servers.map(([server, helper]) => programs.get(helper, server)));
  return found.filter((auth) => auth !== undefined);
}

async function askStore(
  store: string,
  { programs, image }: ProgramInput,
): Promise<readonly RegistryAuth[]> {
  if (store === '') return [];
  const servers = (await programs.list(store)).filter((server) => isServerOf(server, image));
  const found = await Promise.all(servers.map((server) => programs.get(store, server)));
  return found.filter((auth) => auth !== undefined);
}
