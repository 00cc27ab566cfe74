import type { TestContext } from 'node:test';
import { crc32 } from 'node:zlib';
import { createFakeGitLab } from './index.ts';
import type { FakeGitLab, FakeGitLabOptions, FakeJob, JobSpec } from './types.ts';

export const TOKEN = 'glrt-AAAAAAAAAAAAAAAAAAAA';
export const SYSTEM_ID = 's_0123456789ab';
export const INFO = {
  ...{ name: 'a-runner', version: '1.0.0', revision: 'abc', platform: 'linux' },
  ...{ architecture: 'amd64', executor: 'docker', shell: 'bash' },
  features: { cancel_gracefully: true, trace_checksum: true },
};

const COMMON = {
  'User-Agent': 'a-runner 1.0.0 (main; node20; linux/amd64)',
  'X-Request-Id': '0123456789abcdef0123456789abcdef',
};

export interface Call {
  readonly method: string;
  /** The path below `/api/v4/`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** Opens a fake with one runner. The fake is closed after the test. */
export async function openGitLab(
  context: TestContext,
  options: Partial<FakeGitLabOptions> = {},
): Promise<{ readonly gitlab: FakeGitLab; readonly client: Client }> {
  const gitlab = await createFakeGitLab(options);
  context.after(() => gitlab.close());
  gitlab.addRunner({ token: TOKEN });
  return { gitlab, client: createClient(gitlab) };
}

/** Opens a fake with a running job. */
export async function openRunningJob(
  context: TestContext,
  spec: JobSpec = {},
): Promise<{ readonly gitlab: FakeGitLab; readonly client: Client; readonly job: FakeJob }> {
  const { gitlab, client } = await openGitLab(context);
  const job = gitlab.addJob(spec);
  await client.requestJob();
  return { gitlab, client, job };
}

/** Resolves when the next request has arrived and is being handled. */
export function whenNextArrives(gitlab: FakeGitLab): Promise<void> {
  return new Promise((resolve) => {
    const interception = gitlab.intercept(() => {
      interception.remove();
      resolve();
      return undefined;
    });
  });
}

/** Returns all calls of a correct runner. They are sent with plain fetch. */
function createClient({ url }: Pick<FakeGitLab, 'url'>) {
  const call = ({ method, path, headers = {}, body }: Call): Promise<Response> =>
    fetch(`${url}/api/v4/${path}`, {
      method,
      headers: { ...COMMON, ...headers },
      ...(body !== undefined && { body }),
    });
  const callJson = (
    method: string,
    path: string,
    body: Readonly<Record<string, unknown>>,
    headers: Readonly<Record<string, string>> = { 'RUNNER-TOKEN': String(body['token']) },
  ): Promise<Response> =>
    call({
      ...{ method, path, body: JSON.stringify(body) },
      headers: { 'Content-Type': 'application/json', Accept: 'application/json', ...headers },
    });
  return {
    call,
    callJson,
    requestJob: (fields: Readonly<Record<string, unknown>> = {}): Promise<Response> =>
      callJson('POST', 'jobs/request', {
        ...{ token: TOKEN, system_id: SYSTEM_ID, info: INFO },
        ...fields,
      }),
    update: (job: JobRef, fields: Readonly<Record<string, unknown>>): Promise<Response> =>
      callJson(
        'PUT',
        `jobs/${job.id}`,
        { token: job.token, info: INFO, ...fields },
        { 'JOB-TOKEN': job.token },
      ),
    patch: (job: JobRef, startByte: number, text: string): Promise<Response> =>
      call({
        method: 'PATCH',
        path: `jobs/${job.id}/trace?debug_trace=false`,
        headers: {
          ...{ 'JOB-TOKEN': job.token, 'Content-Type': 'text/plain' },
          'Content-Range': `${startByte}-${startByte + Buffer.byteLength(text) - 1}`,
        },
        body: text,
      }),
  };
}

export type Client = ReturnType<typeof createClient>;

interface JobRef {
  readonly id: number;
  readonly token: string;
}

/** Returns the field `output` of a final update for this trace. */
export function outputOf(trace: string) {
  const checksum = `crc32:${crc32(trace).toString(16).padStart(8, '0')}`;
  return { output: { checksum, bytesize: Buffer.byteLength(trace) } };
}
