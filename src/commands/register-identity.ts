import { hostname } from 'node:os';
import type { RegistrationClient, RunnerIdentity } from '../adapters/gitlab/registration.ts';
import { urlFault } from '../domain/runner/api-url.ts';
import type { InstallationConfig } from '../domain/runner/config.ts';
import type { CommandContext } from './context.ts';
import { askGitLab, type Registrable } from './installed.ts';
import type { Prompter } from './prompter.ts';
import type { RegisterFlags } from './register-options.ts';
import { isAuthenticationToken, verifyToken } from './tokens.ts';

const SYNTAX_PAGE = 'https://docs.gitlab.com/ci/runners/new_creation_workflow/';

export interface Registering {
  readonly flags: RegisterFlags;
  readonly tls: Omit<Registrable, 'url'>;
  readonly config: InstallationConfig;
  readonly systemId: string;
  readonly prompter: Prompter;
  readonly context: CommandContext;
}

/** A runner that GitLab knows. */
export interface Identity extends RunnerIdentity {
  readonly url: string;
  readonly name: string;
  /** True: this command has registered it, and unregisters it when a later step fails. */
  readonly isNew: boolean;
}

/** Determines the runner: asks the user for address and token, and verifies them with GitLab. */
export async function identify(registering: Registering): Promise<Identity> {
  const { flags, prompter } = registering;
  const url = await prompter.ask({
    option: 'url',
    prompt: 'Enter the GitLab instance URL (for example, https://gitlab.com/):',
    given: flags.url ?? '',
  });
  const fault = urlFault(url);
  if (fault !== undefined) throw new Error(`The url ${fault}`);
  const givenToken = flags.token ?? '';
  if (givenToken !== '' && !isAuthenticationToken(givenToken)) {
    return adoptToken(registering, { url, token: givenToken });
  }
  const token =
    givenToken ||
    (await prompter.ask({
      option: 'registration-token',
      prompt: 'Enter the registration token:',
      given: flags.registrationToken ?? '',
      isSecret: true,
    }));
  return isAuthenticationToken(token)
    ? identifyByToken(registering, { url, token })
    : registerAnew(registering, { url, token });
}

interface Credentials {
  readonly url: string;
  readonly token: string;
}

/** Accepts the token of a runner that was registered elsewhere, before GitLab 16. */
async function adoptToken(registering: Registering, credentials: Credentials): Promise<Identity> {
  const log = registering.context.log();
  log.info('Token specified trying to verify runner...');
  log.warn("If you want to register use the '-r' instead of '-t'.");
  const identity = await verify(registering, credentials);
  const name = registering.flags.name || hostname();
  return { ...identity, ...credentials, name, isNew: false };
}

async function identifyByToken(
  registering: Registering,
  credentials: Credentials,
): Promise<Identity> {
  const { config, flags, context, prompter } = registering;
  const isKnown = config.runners.some(({ token }) => token === credentials.token);
  if (isKnown) {
    context
      .log()
      .warn(
        'A runner with this system ID and token has already been registered. ' +
          'Of two entries with one url and token only the first is run',
      );
  }
  refuseServerOptions(registering, credentials.token);
  const identity = await verify(registering, credentials);
  if (identity.id === 0) throw new Error('Failed to verify the runner.');
  const name = await prompter.ask({
    option: 'name',
    prompt: 'Enter a name for the runner. This is stored only in the local config.toml file:',
    given: flags.name || hostname(),
  });
  return { ...identity, ...credentials, name, isNew: !isKnown };
}

async function verify(
  registering: Registering,
  { url, token }: Credentials,
): Promise<RunnerIdentity> {
  const { systemId, context } = registering;
  const reply = await talk(registering, url, (client) =>
    verifyToken({ client, token, url, systemId, log: context.log() }),
  );
  if (reply.kind === 'valid') return reply;
  const advice =
    reply.kind === 'unknown'
      ? `Check that "${url}" is the address of GitLab and can be reached from here.`
      : `GitLab at "${url}" does not accept this token: copy it again from the page of the runner.`;
  throw new Error(`Failed to verify the runner. ${advice}`);
}

function refuseServerOptions({ flags, context }: Registering, token: string): void {
  const { tagList, runUntagged, locked, accessLevel, maximumTimeout, paused } = flags;
  const isAnySet = [tagList, runUntagged, accessLevel, maximumTimeout, paused, locked === false];
  if (!isAnySet.some(Boolean) && !flags.maintenanceNote) return;
  const options =
    '--locked, --access-level, --run-untagged, --maximum-timeout, --paused, --tag-list, and ' +
    '--maintenance-note';
  if (flags.registrationToken !== token) {
    throw new Error(
      `Runner configuration other than name and executor configuration is reserved (specifically ` +
        `${options}) and cannot be specified when registering with a runner authentication token. ` +
        'This configuration is specified on the GitLab server. Please try again without ' +
        `specifying any of those arguments. For more information, see ${SYNTAX_PAGE}`,
    );
  }
  context
    .log()
    .warn(
      'You have specified an authentication token in the legacy parameter --registration-token. ' +
        "This has triggered the 'legacy-compatible registration process' which has resulted in " +
        `the following command line parameters being ignored: ${options}. ` +
        `For more information, see ${SYNTAX_PAGE}`,
    );
}

async function registerAnew(
  registering: Registering,
  { url, token }: Credentials,
): Promise<Identity> {
  const { flags, prompter, context } = registering;
  const name = await prompter.ask({
    option: 'name',
    prompt: 'Enter a description for the runner:',
    given: flags.name || hostname(),
  });
  const tagList = await prompter.ask({
    option: 'tag-list',
    prompt: 'Enter tags for the runner (comma-separated):',
    given: flags.tagList ?? '',
    mayBeEmpty: true,
  });
  const maintenanceNote = await prompter.ask({
    option: 'maintenance-note',
    prompt: 'Enter optional maintenance note for the runner:',
    given: flags.maintenanceNote ?? '',
    mayBeEmpty: true,
  });
  const log = context.log();
  log.warn(
    "Support for registration tokens and runner parameters in the 'register' command has been " +
      'deprecated in GitLab Runner 15.6 and will be replaced with support for authentication ' +
      `tokens. For more information, see ${SYNTAX_PAGE}`,
  );
  const tags = tagList
    .split(',')
    .map((tag) => tag.trim())
    .filter(Boolean);
  const reply = await talk(registering, url, (client) =>
    client.registerRunner(token, {
      description: name,
      maintenanceNote,
      tagList: tags,
      // A runner without tags would run nothing otherwise.
      runUntagged: tags.length === 0 || flags.runUntagged === true,
      locked: flags.locked ?? true,
      ...(flags.accessLevel && { accessLevel: flags.accessLevel }),
      ...(flags.maximumTimeout && { maximumTimeoutSeconds: flags.maximumTimeout }),
      paused: flags.paused ?? false,
    }),
  );
  if (reply.kind !== 'registered') {
    const why = reply.kind === 'refused' ? 'forbidden (check registration token)' : 'failed';
    log.error(`Registering runner... ${why}`, { status: reply.message });
    throw new Error(`Failed to register the runner with "${url}", see the line above.`);
  }
  log.info('Registering runner... succeeded');
  const { id, token: runnerToken, tokenExpiresAt } = reply;
  return { id, token: runnerToken, tokenExpiresAt, url, name, isNew: true };
}

function talk<T>(
  { tls, context, flags }: Registering,
  url: string,
  ask: (client: RegistrationClient) => Promise<T>,
): Promise<T> {
  return askGitLab({ ...tls, url }, { context, configPath: flags.config }, ask);
}
