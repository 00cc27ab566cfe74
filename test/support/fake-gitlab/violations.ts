import { field, textOf, type FakeRequest } from './exchange.ts';

/** The runner's violations of the protocol, as sentences for the reader of a failed test. */
export interface Violations {
  readonly list: readonly string[];
  add(request: FakeRequest, what: string): void;
  /** Adds a violation in a request that did not go to GitLab itself. */
  addFact(what: string): void;
}

export function createViolations(): Violations {
  const list: string[] = [];
  return {
    list,
    add: ({ method, url }, what) => void list.push(`${method} ${url.pathname}: ${what}`),
    addFact: (what) => void list.push(what),
  };
}

export interface Conduct {
  readonly contentType: 'application/json' | 'text/plain' | 'multipart/form-data' | undefined;
  /** The header that must carry the token. Undefined when the token in the body is enough. */
  readonly tokenHeader: 'runner-token' | 'job-token' | undefined;
  /** Whether the answer is JSON. The runner must then say that it accepts JSON. */
  readonly wantsJson: boolean;
}

const USER_AGENT = /^\S+ \S+ \([^;]+; [^;]+; \w+\/\w+\)$/;
const REQUEST_ID = /^[0-9a-f]{32}$/;
const SYSTEM_ID = /^[sr]_[A-Za-z0-9]{12}$/;

/**
 * Checks what gitlab-runner sends with every call of this kind. Source: gitlab-runner
 * `network/client.go` (do, doJSON), `network/gitlab.go`.
 */
export function checkConduct(violations: Violations, request: FakeRequest, conduct: Conduct): void {
  const { headers } = request;
  const expect = (isMet: boolean, what: string): void => {
    if (!isMet) violations.add(request, what);
  };
  const agent = headers['user-agent'];
  expect(USER_AGENT.test(agent ?? ''), `User-Agent is ${agent}`);
  const requestId = headers['x-request-id'];
  expect(REQUEST_ID.test(requestId ?? ''), `X-Request-Id is ${requestId}`);
  const contentType = headers['content-type']?.split(';')[0]?.trim();
  expect(contentType === conduct.contentType, `Content-Type is ${contentType}`);
  if (conduct.wantsJson) {
    expect(headers['accept'] === 'application/json', `Accept is ${headers['accept']}`);
  }
  checkToken(request, conduct, expect);
}

function checkToken(
  { headers, fields }: FakeRequest,
  { tokenHeader, contentType }: Conduct,
  expect: (isMet: boolean, what: string) => void,
): void {
  const isJson = contentType === 'application/json';
  if (isJson) expect(fields['token'] !== undefined, 'no token in the body');
  if (tokenHeader === undefined) return;
  const token = textOf(headers[tokenHeader]);
  expect(token !== undefined, `no ${tokenHeader} header`);
  if (isJson) expect(token === fields['token'], 'the tokens of header and body differ');
}

/**
 * Checks that `info` contains the features. Without them GitLab cancels a job without after_script.
 */
export function checkInfo(violations: Violations, request: FakeRequest): void {
  const info = field(request.fields, 'info');
  for (const key of ['name', 'version', 'revision', 'platform', 'architecture']) {
    if (textOf(info[key]) === undefined) violations.add(request, `no info.${key}`);
  }
  if (Object.keys(field(info, 'features')).length === 0) {
    violations.add(request, 'no info.features');
  }
}

export function checkSystemId(violations: Violations, request: FakeRequest): void {
  const systemId = request.fields['system_id'];
  if (typeof systemId !== 'string' || !SYSTEM_ID.test(systemId)) {
    violations.add(request, `system_id is ${String(systemId)}`);
  }
}
