import { json, refusal, textOf, type FakeRequest, type Handler, type Reply } from './exchange.ts';
import type { Handlers } from './router.ts';
import { randomToken, type Runner, type Runners } from './runners.ts';
import {
  checkConduct,
  checkInfo,
  checkSystemId,
  type Conduct,
  type Violations,
} from './violations.ts';

export interface RunnerCallsOptions {
  readonly runners: Runners;
  readonly registrationTokens: ReadonlySet<string>;
  readonly violations: Violations;
}

type RunnerCalls = Pick<
  Handlers,
  'register' | 'verify' | 'unregister' | 'unregisterManager' | 'resetToken' | 'discovery'
>;

/** Answers the calls about runners. Source: GitLab `lib/api/ci/runner.rb`, `/runners`. */
export function createRunnerCalls(options: RunnerCallsOptions): RunnerCalls {
  const { runners, registrationTokens, violations } = options;
  /** Answers 403 when the token belongs to no runner, or no longer belongs to one. */
  const authenticated =
    (conduct: Partial<Conduct>, act: (runner: Runner, request: FakeRequest) => Reply): Handler =>
    (request) => {
      checkRunnerConduct(violations, request, conduct);
      const runner = runners.find(runnerTokenOf(request));
      return runner === undefined ? refusal(403, 'Forbidden') : act(runner, request);
    };

  return {
    register: (request) => {
      checkRunnerConduct(violations, request);
      checkRegistration(violations, request);
      if (!registrationTokens.has(runnerTokenOf(request) ?? '')) return refusal(403, 'Forbidden');
      // Only runners that were created in the UI get `glrt-` tokens.
      return json(201, identityOf(runners.add({ token: `t1_${randomToken()}` })));
    },
    verify: authenticated({}, (runner, request) => {
      checkInfo(violations, request);
      checkSystemId(violations, request);
      addMachine(runner, request);
      return json(200, identityOf(runner));
    }),
    unregister: authenticated({ wantsJson: false }, ({ token }) => {
      runners.remove(token);
      return { status: 204 };
    }),
    unregisterManager: authenticated({ wantsJson: false }, (runner, request) => {
      const systemId = textOf(request.fields['system_id']);
      if (systemId === undefined) return json(400, { error: 'system_id is missing' });
      return runner.systemIds.delete(systemId)
        ? { status: 204 }
        : refusal(404, 'Runner manager not found');
    }),
    // In this call gitlab-runner sends the token only in the body.
    resetToken: authenticated({ tokenHeader: undefined }, ({ token }) => {
      const renewed = runners.resetToken(token);
      return json(201, { token: renewed?.token, token_expires_at: null });
    }),
    discovery: () => json(501, { error: 'the job router is not enabled' }),
  };
}

/**
 * Returns the runner's token. GitLab prefers the parameter to the header, and so does this
 * function.
 */
export function runnerTokenOf({ fields, headers }: FakeRequest): string | undefined {
  return textOf(fields['token']) ?? headers['runner-token'];
}

export function checkRunnerConduct(
  violations: Violations,
  request: FakeRequest,
  conduct: Partial<Conduct> = {},
): void {
  checkConduct(violations, request, {
    ...{ contentType: 'application/json', tokenHeader: 'runner-token', wantsJson: true },
    ...conduct,
  });
}

/** Records a machine. GitLab does this at the machine's first contact. */
export function addMachine(runner: Runner, { fields }: FakeRequest): void {
  const systemId = textOf(fields['system_id']);
  if (systemId !== undefined) runner.systemIds.add(systemId);
}

function identityOf({ id, token }: Runner) {
  return { id, token, token_expires_at: null };
}

/** Checks the three fields that gitlab-runner always sends. */
function checkRegistration(violations: Violations, request: FakeRequest): void {
  for (const key of ['run_untagged', 'locked', 'paused']) {
    if (typeof request.fields[key] !== 'boolean') violations.add(request, `${key} is no boolean`);
  }
}
