import type { Log } from '../ports/index.ts';
import type {
  RegistrationClient,
  UnregisterReply,
  VerifyReply,
} from '../adapters/gitlab/registration.ts';
import { shortToken } from '../domain/context/names.ts';

export interface TokenCheck {
  readonly client: RegistrationClient;
  readonly token: string;
  readonly url: string;
  readonly systemId: string;
  readonly log: Log;
}

/** Whether GitLab's pages have created the token. Other tokens come from a registration token. */
export function isAuthenticationToken(token: string): boolean {
  return token.startsWith('glrt-');
}

/** Asks whether the token is valid, and reports the result in gitlab-runner's words. */
export async function verifyToken(input: TokenCheck): Promise<VerifyReply> {
  const { client, token, url, systemId, log } = input;
  const fields = { runner: shortToken(token), url };
  const reply = await client.verifyRunner(token, systemId);
  switch (reply.kind) {
    case 'valid':
      log.info(
        `Verifying runner... ${isAuthenticationToken(token) ? 'is valid' : 'is alive'}`,
        fields,
      );
      return reply;
    case 'invalid':
      if (isAuthenticationToken(token)) log.error('Verifying runner... is not valid', fields);
      else log.error('Verifying runner... is removed', fields);
      return reply;
    case 'orphaned':
      log.error('Verifying runner... has no project or group any more', fields);
      return reply;
    case 'unknown':
      log.error('Verifying runner... failed', { ...fields, status: reply.message });
      return reply;
  }
}

/** Removes this machine (glrt) or the whole runner (older tokens) from GitLab. */
export async function unregisterToken(input: TokenCheck): Promise<UnregisterReply> {
  const { client, token, url, systemId, log } = input;
  const isManager = isAuthenticationToken(token);
  const what = isManager ? 'runner manager' : 'runner';
  const fields = { runner: shortToken(token), url };
  const reply = isManager
    ? await client.unregisterManager(token, systemId)
    : await client.unregisterRunner(token);
  if (reply.kind === 'unregistered') {
    log.info(`Unregistering ${what} from GitLab succeeded`, fields);
  } else {
    log.error(`Unregistering ${what} from GitLab failed`, { ...fields, status: reply.message });
  }
  return reply;
}
