import { randomBytes } from 'node:crypto';
import { HAD_SCRIPT } from '../../activities/build/container-stage.ts';
import type { FoundSession } from '../../adapters/session-server/session-server.ts';
import type { Cipher } from '../../adapters/state/cipher.ts';
import { createVisits } from '../../adapters/session-server/visits.ts';
import { jobFields } from '../../domain/build/job-fields.ts';
import { planTerminal } from '../../domain/executor/terminal.ts';
import { awaitsScriptAtStart } from '../../domain/executor/waiting-container.ts';
import type { BuildContext } from '../../domain/context/context.ts';
import { sessionPath, type SessionOffer } from '../../domain/session/session.ts';
import {
  DEFAULT_SESSION_TIMEOUT_SECONDS,
  planSessionAddress,
} from '../../domain/runner/session-address.ts';
import type { Ports, Sessions } from '../../ports/index.ts';
import type { Closers } from '../machine/closers.ts';

export interface SessionOptions extends Pick<
  Ports,
  'builds' | 'engine' | 'log' | 'clock' | 'config'
> {
  readonly cipher: Cipher;
  /** The file that keeps the certificate. */
  readonly file: string;
}

const KEY_BYTES = 32;

/**
 * Opens the session server when one is configured. An address that makes no sense is logged, and no
 * server is opened.
 */
export async function openSessions(options: SessionOptions, closers: Closers): Promise<Sessions> {
  const { log, cipher, clock, file } = options;
  const current = () => options.config.current().sessionServer;
  const config = current();
  const visits = createVisits();
  const timeoutMs = (): number =>
    (current()?.timeoutSeconds ?? DEFAULT_SESSION_TIMEOUT_SECONDS) * 1000;
  const address = config && planSessionAddress(config);
  if (typeof address === 'string') log.error('there is no session server', { reason: address });
  if (address === undefined || typeof address === 'string') {
    return { ...visits, timeoutMs, offer: () => undefined };
  }
  // Loaded only here, because the libraries for certificates take a tenth of a node's start, and
  // few nodes need one.
  const [{ openCertificate }, { openSessionServer }] = await Promise.all([
    import('../../adapters/session-server/stored-certificate.ts'),
    import('../../adapters/session-server/session-server.ts'),
  ]);
  const certificate = await openCertificate(address.host, { file, cipher, nowMs: clock.nowMs() });
  const server = await openSessionServer({
    listen: address.listen,
    certificate,
    visits,
    log,
    timing: { idleMs: timeoutMs },
    find: (id) => findSession(id, options),
  });
  closers.add(() => server.close());
  log.info('session server listening', { port: server.port, advertised: address.origin });
  const offer = () => makeOffer(address.origin, certificate.certificatePem);
  return { ...visits, timeoutMs, offer };
}

function makeOffer(origin: string, certificatePem: string): SessionOffer {
  const [id, token] = [randomBytes(KEY_BYTES), randomBytes(KEY_BYTES)].map((key) =>
    key.toString('hex'),
  ) as [string, string];
  return { id, token, certificatePem, url: `${origin}${sessionPath(id)}` };
}

/** Finds the session in the records. They outlive this process, and so does the session. */
async function findSession(id: string, options: SessionOptions): Promise<FoundSession | undefined> {
  const { builds } = options;
  for (const buildId of await builds.list()) {
    const context = await builds.read(buildId);
    if (context?.session?.id === id) return toSession(context, context.session.token, options);
  }
  return undefined;
}

function toSession(
  context: BuildContext,
  token: string,
  { builds, engine }: SessionOptions,
): FoundSession {
  const { container, command } = planTerminal(context);
  return {
    buildId: context.buildId,
    token,
    fields: jobFields(context),
    isRunning: async () => {
      const status = await engine(context.runner).inspectContainer(container);
      if (status?.state !== 'running') return false;
      // A container that was started early is not the job's before its script begins.
      return !awaitsScriptAtStart(status) || (await HAD_SCRIPT.isSet(context.buildId, { builds }));
    },
    openShell: () => engine(context.runner).openTerminal(container, { command, hasTty: true }),
  };
}
