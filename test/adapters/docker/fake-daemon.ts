import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { ContainerEngine } from '../../../src/ports/index.ts';
import type { EngineOptions } from '../../../src/adapters/docker/engine.ts';
import { openEngine } from './support.ts';

/**
 * An engine for a daemon with the given answers. The first request, for the version, is always
 * answered.
 */
export async function engineFor(
  t: TestContext,
  listener: RequestListener,
  options: Partial<EngineOptions> = {},
): Promise<ContainerEngine> {
  const path = await socketPath(t);
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/_ping') === true) {
      response.setHeader('api-version', '1.44').end('OK');
    } else if (request.url?.startsWith('/version') === true) {
      response.end(JSON.stringify({ Version: 'x', ApiVersion: '1.44', MinAPIVersion: '1.24' }));
    } else listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return engineAt(path, options);
}

export async function socketPath(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-test-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return join(directory, 'docker.sock');
}

/** Limits for tests in which Docker really answers, because a busy machine is slow. */
export const PATIENT = { callLimitMs: 60_000, slowCallLimitMs: 60_000 };

/** An engine that gives up a call soon. */
export function engineAt(path: string, options: Partial<EngineOptions> = {}): ContainerEngine {
  const timing = {
    callLimitMs: 200,
    slowCallLimitMs: 200,
    pullIdleMs: 200,
    transferIdleMs: 200,
    ...options.timing,
  };
  return openEngine({
    ...options,
    docker: { host: `unix://${path}`, tlsCertPath: undefined, tlsVerify: false },
    timing,
  });
}

/**
 * Formats Docker's answer to an inspection of a container "x", with the fields that the engine
 * reads.
 */
export function inspection(state: string, exitCode = 0): string {
  return JSON.stringify({
    Id: 'x',
    State: { Status: state, ExitCode: exitCode, StartedAt: '', FinishedAt: '' },
    Config: { Labels: null },
  });
}
