import type { Payload, PayloadCodec } from '@temporalio/common';
import type { Log } from '../../ports/index.ts';
import {
  openHttpServer,
  said,
  type HttpRequest,
  type HttpResponse,
  type OpenHttpServer,
} from '../http-server/http-server.ts';
import { identify, isForUs, isFromUi, type Access } from './access.ts';
import { isSealed, viewPayload } from './decoded-view.ts';
import type { TokenVerdict } from './oidc.ts';
import { formatPayloads, parsePayloads } from './wire.ts';

/** The limit is high, because access tokens of a UI with a login may be long. */
const MAX_HEADER_BYTES = 32 * 1024;
/**
 * Temporal's limit for a payload is 2 MiB, and the UI sends all payloads of an event or of a page
 * at once.
 */
const MAX_BODY_BYTES = 16 * 1024 * 1024;
const PREFLIGHT_SECONDS = 600;
const MAX_SUBJECT_CHARS = 200;
/** The only headers that a browser may send. */
const HEADERS = 'Authorization, Authorization-Extras, Content-Type, X-Namespace';

export interface CodecServerOptions {
  readonly host: string;
  readonly port: number;
  /** The setting that a person has to change when the address is not free. */
  readonly setting: string;
  readonly access: Access;
  readonly codec: PayloadCodec;
  /** Returns a decoded value as people may see it. */
  readonly show: (value: unknown) => unknown;
  readonly log: Log;
}

/**
 * Opens a server that decodes payloads for Temporal's UI and command line. Throws InvalidConfig
 * when it cannot listen at the address.
 */
export async function openCodecServer(options: CodecServerOptions): Promise<OpenHttpServer> {
  const { host, port, setting, log } = options;
  return openHttpServer({
    host,
    port,
    setting,
    log,
    name: 'codec server',
    maxHeaderBytes: MAX_HEADER_BYTES,
    maxBodyBytes: MAX_BODY_BYTES,
    answer: (request) => answer(request, options),
  });
}

async function answer(request: HttpRequest, options: CodecServerOptions): Promise<HttpResponse> {
  const { access } = options;
  const { headers } = request;
  if (!isForUs(headers, access) || !isFromUi(headers, access)) return said(403);
  const reply = await answerUi(request, options);
  return { ...reply, headers: { ...reply.headers, ...allowOrigin(headers.origin) } };
}

/**
 * Lets the page of this origin read the answer. Answers differ by origin, so a cache must not give
 * one page's answer to another.
 */
function allowOrigin(origin: string | undefined): Record<string, string> {
  return { Vary: 'Origin', ...(origin !== undefined && { 'Access-Control-Allow-Origin': origin }) };
}

async function answerUi(request: HttpRequest, options: CodecServerOptions): Promise<HttpResponse> {
  const { method, path, headers } = request;
  const [, pathToken, call] = /^(?:\/([\w-]{1,200}))?\/(decode|encode)$/.exec(path) ?? [];
  if (call === undefined) return said(404);
  if (method === 'OPTIONS') return PREFLIGHT;
  if (method !== 'POST') return said(405, { Allow: 'POST, OPTIONS' });
  const person = await identify({ headers, pathToken }, options.access);
  if (person.kind !== 'good') return refuse(person, options);
  const namespace = options.access.namespace();
  if ((headers['x-namespace'] ?? namespace) !== namespace || !namespace) return said(403);
  return convert(request, { ...options, call, namespace, subject: person.subject });
}

type Refusal = Exclude<TokenVerdict, { readonly kind: 'good' }>;

/** Refuses a request. Only the operator's log tells the reason; the answer does not. */
function refuse({ kind, why }: Refusal, { log }: CodecServerOptions): HttpResponse {
  if (kind === 'unknown') {
    log.warn('a token for the codec server cannot be verified: its issuer cannot be reached', {
      why,
    });
    return said(503);
  }
  log.debug('a token for the codec server was refused', { why });
  return said(401, { 'WWW-Authenticate': 'Bearer' });
}

const PREFLIGHT: HttpResponse = {
  status: 200,
  type: 'text',
  body: '',
  headers: {
    'Access-Control-Allow-Methods': 'POST',
    'Access-Control-Allow-Headers': HEADERS,
    'Access-Control-Max-Age': String(PREFLIGHT_SECONDS),
  },
};

interface Conversion extends CodecServerOptions {
  readonly call: string;
  readonly namespace: string;
  readonly subject: string;
}

async function convert(request: HttpRequest, scope: Conversion): Promise<HttpResponse> {
  const { call } = scope;
  if (!/^application\/json *(;|$)/i.test(request.headers['content-type'] ?? '')) return said(415);
  const body = await request.readBody();
  if (body === undefined) return said(413);
  const payloads = parsePayloads(body);
  if (payloads === undefined) return said(400);
  // The input of a person's command stays plain, because workflows accept that. Encrypted on
  // request it would look like one of this program's own.
  const converted = call === 'encode' ? payloads : await decode(payloads, scope);
  return { status: 200, type: 'json', body: formatPayloads(converted) };
}

/**
 * Decodes payloads. Every request leaves a line in the log that names the visitor, but nothing of
 * the content.
 */
async function decode(
  payloads: readonly Payload[],
  { namespace, subject, log, ...view }: Conversion,
): Promise<readonly Payload[]> {
  const decoded = await Promise.all(payloads.map((one) => viewPayload(one, view)));
  const opened = payloads.filter((one, at) => isSealed(one) && one !== decoded[at]).length;
  if (opened > 0) {
    const by = subject.slice(0, MAX_SUBJECT_CHARS);
    log.info('payloads decoded', { by, namespace, payloads: opened });
  }
  return decoded;
}
