import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  classifyPullFailure,
  mayPullPass,
  planPullDelayMs,
} from '../../../src/domain/executor/pull-policy.ts';
import { FailureType } from '../../../src/domain/failure.ts';

const { ExternalDependency, RunnerConfiguration, ImagePull } = FailureType;
const cases = [
  ['Get "https://r/v2/": dial tcp 1.2.3.4:443: connect: connection refused', ExternalDependency],
  ['dial tcp: lookup r.example on 1.1.1.1:53: no such host', ExternalDependency],
  ['Get "https://r/v2/": net/http: TLS handshake timeout', ExternalDependency],
  ['read tcp 1.2.3.4:1->5.6.7.8:443: i/o timeout', ExternalDependency],
  [
    'context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
    ExternalDependency,
  ],
  ['net/http: request canceled while waiting for connection', ExternalDependency],
  ['read: connection reset by peer', ExternalDependency],
  ['dial tcp: lookup x: server misbehaving, not found', ExternalDependency],
  ['manifest for alpine:nope not found: manifest unknown', RunnerConfiguration],
  [
    'pull access denied for x, repository does not exist or may require docker login',
    RunnerConfiguration,
  ],
  ['denied: requested access to the resource is denied', RunnerConfiguration],
  ['no basic auth credentials', RunnerConfiguration],
  ['unauthorized: incorrect username or password', RunnerConfiguration],
  ['authentication required', RunnerConfiguration],
  // The words of Podman 4.3.1 follow.
  [
    'initializing source docker://r/x:1: reading manifest 1 in r/x: manifest unknown: manifest unknown',
    RunnerConfiguration,
  ],
  [
    'initializing source docker://r/x:1: reading manifest 1 in r/x: name unknown: repository name not known to registry',
    RunnerConfiguration,
  ],
  [
    'initializing source docker://r/x:1: reading manifest 1 in r/x: denied: access forbidden',
    RunnerConfiguration,
  ],
  [
    'initializing source docker://r/x:1: reading manifest 1 in r/x: unauthorized: authentication required',
    RunnerConfiguration,
  ],
  [
    'initializing source docker://r/x:1: unable to retrieve auth token: invalid username/password: unauthorized: HTTP Basic: Access denied',
    RunnerConfiguration,
  ],
  [
    'initializing source docker://r/x:1: pinging container registry r: invalid status code from registry 403 (Forbidden)',
    RunnerConfiguration,
  ],
  [
    'initializing source docker://r/x:1: pinging container registry r: invalid status code from registry 500 (Internal Server Error)',
    ImagePull,
  ],
  [
    'initializing source docker://r/x:1: pinging container registry r: Get "http://r/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
    ExternalDependency,
  ],
  ['writing blob: denied: the disk is read-only', ImagePull],
  ['context deadline exceeded', ImagePull],
  ['write /var/lib/docker/tmp/x: no space left on device', ImagePull],
  ['toomanyrequests: You have reached your pull rate limit', ImagePull],
  ['', ImagePull],
] as const;
for (const [message, expected] of cases) {
  void test(`"${message}" is ${expected}`, () => {
    assert.equal(classifyPullFailure(message), expected);
  });
}

const passing = [
  [
    'failed to resolve reference "r/x:1": unexpected status from HEAD request to http://r/v2/x/manifests/1: 500 Internal Server Error',
    true,
    'the words of the image store of containerd',
  ],
  [
    'failed to copy: httpReadSeeker: failed open: unexpected status code http://r/v2/x/blobs/sha256:0: 503 Service Unavailable',
    true,
    'the same of a layer',
  ],
  [
    'failed to resolve reference "r/x:1": unexpected status from HEAD request to http://r:500/v2/x/manifests/1: 418 I am a teapot',
    false,
    'the registry is well, and its port is no status',
  ],
  [
    'initializing source docker://r/x:1: pinging container registry r: invalid status code from registry 502 (Bad Gateway)',
    true,
    'the words of Podman',
  ],
  [
    'initializing source docker://r/x:1: Requesting bearer token: invalid status code from registry 500 (Internal Server Error)',
    true,
    'the same of the server of tokens',
  ],
  [
    'initializing source docker://r/x:1: reading manifest 1 in r/x: received unexpected HTTP status: 504 Gateway Timeout',
    true,
    'the same of a manifest',
  ],
  [
    'writing blob: adding layer with blob "sha256:f3ae": layer not known',
    true,
    'the image that shared the layer has been removed from Podman meanwhile',
  ],
  [
    'initializing source docker://r/x:1: reading manifest 1 in r/x: toomanyrequests: the rate limit is reached',
    false,
    'Podman itself has asked twenty times in two minutes',
  ],
  [
    'initializing source docker://r/x:1: Requesting bearer token: invalid status code from registry 403 (Forbidden)',
    false,
    'nobody gives a right meanwhile',
  ],
  ['dial tcp 10.0.0.1:443: connect: connection refused', true, 'the network may recover'],
  ['toomanyrequests: the rate limit is reached', true, 'the limit is one of time'],
  ['received unexpected HTTP status: 502 Bad Gateway', true, 'a proxy before it restarts'],
  ['unavailable: the store is away', true, 'the registry says so itself'],
  ['unexpected EOF', true, 'the connection was cut'],
  ['received unexpected HTTP status: 418 a teapot', false, 'it will be one tomorrow'],
  ['manifest unknown', false, 'there is no such image'],
  ['unauthorized: the service is unavailable to you', false, 'nobody gives a right meanwhile'],
  ['write /var/lib/docker/tmp/geofence: no space left on device', false, 'EOF is a word'],
] as const;
for (const [message, expected, why] of passing) {
  void test(`"${message}" may ${expected ? '' : 'not '}pass: ${why}`, () => {
    assert.equal(mayPullPass(message), expected);
  });
}

void test('the pause before another pull is 2 to 10 s and never becomes shorter with more tries', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (tries, random) => {
        const delayMs = planPullDelayMs(tries, random);
        assert.ok(delayMs >= 2_000 && delayMs <= 10_000, String(delayMs));
        assert.ok(planPullDelayMs(tries + 1, random) >= delayMs);
      },
    ),
  );
  assert.notEqual(planPullDelayMs(1, 0), planPullDelayMs(1, 0.9));
});
