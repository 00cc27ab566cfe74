import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  archiveFault,
  createFault,
  refusalFault,
  startFault,
  unreachableFault,
} from '../../../src/adapters/docker/faults.ts';
import { FailureType, FinalError } from '../../../src/domain/failure.ts';

const action = { doing: 'create container "x"', address: 'unix:///d.sock' };
const kindOf = (error: Error): string => (error instanceof FinalError ? error.type : error.name);

const statuses = [
  [400, undefined, FailureType.RunnerSystem, 'our own request was wrong'],
  [400, FailureType.RunnerConfiguration, FailureType.RunnerConfiguration, "the job's was"],
  [404, FailureType.RunnerConfiguration, FailureType.RunnerSystem, 'it was there'],
  [403, undefined, FailureType.RunnerSystem, 'nobody will allow it later'],
  [409, undefined, 'TransientError', 'somebody else is at it'],
  [429, undefined, 'TransientError', 'a proxy asks for patience'],
  [500, undefined, 'TransientError', 'the daemon is in trouble'],
  [503, FailureType.RunnerConfiguration, 'TransientError', 'the daemon starts'],
] as const;
for (const [status, badRequest, expected, why] of statuses) {
  void test(`${status} with 400 meaning ${badRequest ?? 'nothing'} is ${expected}: ${why}`, () => {
    const options = badRequest === undefined ? action : { ...action, badRequest };
    const fault = refusalFault({ status, message: 'their words' }, options);
    assert.equal(kindOf(fault), expected);
    assert.equal(
      fault.message,
      `cannot create container "x": Docker at unix:///d.sock answered ${status}: their words`,
    );
  });
}

const names = [
  ['normalizing name for compat API: invalid reference format', FailureType.RunnerConfiguration],
  [
    'normalizing name for compat API: repository name must be lowercase',
    FailureType.RunnerConfiguration,
  ],
  [
    'normalizing name for compat API: sha256:1234: invalid format: no 64-byte hexadecimal value',
    FailureType.RunnerConfiguration,
  ],
  ['normalizing name for compat API: locating image: database is locked', 'TransientError'],
] as const;
for (const [words, expected] of names) {
  void test(`500 of Podman "${words}" is ${expected}`, () => {
    const message = `normalizing image: ${words}`;
    const options = { ...action, badRequest: FailureType.RunnerConfiguration };
    const fault = refusalFault({ status: 500, message }, options);
    assert.equal(kindOf(fault), expected);
    assert.ok(fault.message.includes(`answered 500: ${message}`));
  });
}

const runc = 'runc create failed: unable to start container process: exec:';
const docker = `OCI runtime create failed: ${runc}`;
const podman = `runc: ${runc}`;
const missing = 'OCI runtime attempted to invoke a command that was not found';
const crun = 'crun: executable file `sh` not found in $PATH: No such file or directory';
// The messages of the engines: Docker 20.10 to 29 with runc; Podman 4.3.1 with runc 1.1.5, 5.3 with
// crun 1.18.
const starts = [
  [400, `${docker} "sh": executable file not found in $PATH`, FailureType.RunnerSystem],
  [500, `${docker} "sh": executable file not found in $PATH`, FailureType.RunnerSystem],
  [500, `${docker} "/x": permission denied`, FailureType.RunnerSystem],
  [500, `${docker} "/x": exec format error`, FailureType.RunnerSystem],
  [
    400,
    `failed to create task for container: failed to create shim task: ${docker} "sh": executable file not found in $PATH: unknown`,
    FailureType.RunnerSystem,
  ],
  [500, `${podman} "sh": executable file not found in $PATH: ${missing}`, FailureType.RunnerSystem],
  [500, `${podman} "/x": stat /x: no such file or directory: ${missing}`, FailureType.RunnerSystem],
  [500, `${podman} "/etc": permission denied: OCI permission denied`, FailureType.RunnerSystem],
  [
    500,
    `${podman} "/etc/x/y": stat /etc/x/y: not a directory: OCI runtime error`,
    FailureType.RunnerSystem,
  ],
  [500, `${crun}: ${missing}`, FailureType.RunnerSystem],
  [
    500,
    'crun: open executable: Permission denied: OCI permission denied',
    FailureType.RunnerSystem,
  ],
  [
    500,
    'unable to find user nobody-knows: no matching entries in passwd file',
    FailureType.RunnerSystem,
  ],
  [
    500,
    'workdir "/etc/passwd" exists on container 41f8, but is not a directory',
    FailureType.RunnerSystem,
  ],
  [
    500,
    'looking up supplemental groups for container 41f8: Unable to find group gone: no matching entries in group file',
    FailureType.RunnerSystem,
  ],
  [
    500,
    'creating hosts file for container 41f8: failed to create new hosts file: unable to parse host entry "nohost": incorrect format',
    FailureType.RunnerSystem,
  ],
  [
    500,
    'runc: runc create failed: unable to start container process: error during container init: error setting cgroup config for procHooks process: unable to set memory limit to 1 (current usage: 2203648, peak usage: 2519040): OCI runtime error',
    FailureType.RunnerSystem,
  ],
  [
    500,
    'OCI runtime create failed: unable to apply caps: operation not permitted',
    FailureType.RunnerSystem,
  ],
  [500, 'OCI runtime create failed: cannot allocate memory', 'TransientError'],
  [500, 'runc: cannot allocate memory: OCI runtime error', 'TransientError'],
  [500, 'unable to find network with name or ID n: network not found', 'TransientError'],
  [500, 'driver failed programming external connectivity', 'TransientError'],
  [404, 'No such container: x', FailureType.RunnerSystem],
] as const;
for (const [status, message, expected] of starts) {
  void test(`a start answered ${status} "${message}" is ${expected}`, () => {
    const fault = startFault({ status, message }, action);
    assert.equal(kindOf(fault), expected);
    assert.ok(fault.message.includes(message));
    assert.ok(fault.message.includes(`answered ${status}`), 'the real status is told');
  });
}

const NAMES = 'names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument';
const { RunnerConfiguration, RunnerSystem } = FailureType;
// What Podman 4.3.1 answered when it was asked for containers, volumes and networks of this kind.
const creates: readonly (readonly [message: string, expected: string])[] = [
  [
    `container create: creating named volume "$X": running volume create option: ${NAMES}`,
    RunnerConfiguration,
  ],
  [`container create: running container create option: ${NAMES}`, RunnerConfiguration],
  [`running volume create option: ${NAMES}`, RunnerConfiguration],
  [`network name $x invalid: ${NAMES}`, RunnerConfiguration],
  ["invalid mount option nope for driver 'local': invalid argument", RunnerConfiguration],
  ['unsupported driver nope: invalid argument', RunnerConfiguration],
  [
    'volume v uses volume plugin nope but it could not be retrieved: no volume plugin with name nope available: required plugin missing',
    RunnerConfiguration,
  ],
  [
    'container create: running container create option: invalid IP address <nil>: invalid argument',
    RunnerConfiguration,
  ],
  [
    'container create: running container create option: invalid log driver: invalid argument',
    RunnerConfiguration,
  ],
  [
    "container create: sysctl net.ipv4.ip_forward=1 can't be set since Network Namespace set to host: invalid argument",
    RunnerConfiguration,
  ],
  [
    'container create: systemd slice received as cgroup parent when using cgroupfs: invalid argument',
    RunnerConfiguration,
  ],
  ['fill out specgen: lstat a: no such file or directory', RunnerConfiguration],
  ['fill out specgen: invalid option type "nonsense"', RunnerConfiguration],
  ['fill out specgen: /x: duplicate mount destination', RunnerConfiguration],
  ['container create: invalid container path "rel", must be an absolute path', RunnerConfiguration],
  ['container create: unknown mount option "nope=1": invalid mount option', RunnerConfiguration],
  ['container create: "CAP_NOPE": unknown capability', RunnerConfiguration],
  [
    'container create: opening seccomp profile failed: open {: no such file or directory',
    RunnerConfiguration,
  ],
  [
    'container create: apparmor profile "nope" specified, but Apparmor is not enabled on this system',
    RunnerConfiguration,
  ],
  ['container create: stat /dev/nope: no such file or directory', RunnerConfiguration],
  ['container create: invalid device mode: xyz', RunnerConfiguration],
  [
    'container create: invalid option "zz" specified - volumes from another container can only use z,ro,rw options',
    RunnerConfiguration,
  ],
  [
    'container create: requested CPUs are not available - requested 99, available: 0-1',
    RunnerConfiguration,
  ],
  [
    'container create: minimum memoryswap limit should be larger than memory limit, see usage',
    RunnerConfiguration,
  ],
  [
    'container create: no command or entrypoint provided, and no CMD or ENTRYPOINT from image',
    RunnerConfiguration,
  ],
  [
    'container create: looking up container to share net namespace with: no container with name or ID "nope" found: no such container',
    RunnerSystem,
  ],
  [
    'container create: unable to find network with name or ID nosuchnet: network not found',
    RunnerSystem,
  ],
  [
    'container create: container-init binary not found on the host: stat /usr/libexec/podman/catatonit: no such file or directory',
    RunnerSystem,
  ],
  [
    'container create: creating container storage: mounting overlay: invalid argument',
    'TransientError',
  ],
  ['container create: creating container storage: no space left on device', 'TransientError'],
  ['container create: stat /run/libpod: input/output error', 'TransientError'],
];
for (const [message, expected] of creates) {
  void test(`a creation answered 500 "${message}" is ${expected}`, () => {
    const fault = createFault({ status: 500, message }, action);
    assert.equal(kindOf(fault), expected);
    assert.ok(fault.message.includes(`answered 500: ${message}`), fault.message);
  });
}

void test('a missing init program is named with what to install', () => {
  const message =
    'container create: container-init binary not found on the host: stat /x/catatonit';
  const fault = createFault({ status: 500, message }, action);
  assert.match(fault.message, /x\/catatonit; install catatonit on the node/);
});

void test('files that root may not own are a final fault whose message tells what to do', () => {
  const message = 'lchown /builds/group: operation not permitted';
  const fault = archiveFault({ status: 500, message }, action);
  assert.equal(kindOf(fault), FailureType.RunnerSystem);
  assert.match(fault.message, /not permitted; root may not change owners there, .*no_root_squash/);
});

const codes = [
  ['ENOENT', /start Docker, or set host/],
  ['EACCES', /group docker/],
  ['ECONNREFUSED', /nothing listens/],
  ['ENOTFOUND', /name is not known/],
  ['EAI_AGAIN', /name is not known/],
  ['ECONNRESET', /may be restarting/],
  ['EPIPE', /may be restarting/],
  ['SELF_SIGNED_CERT_IN_CHAIN', /tls_cert_path/],
  ['ERR_SSL_WRONG_VERSION_NUMBER', /tls_cert_path/],
  ['EWHATEVER', /check that Docker runs there/],
] as const;
for (const [code, advice] of codes) {
  void test(`a connection that fails with ${code} is a transient fault whose message tells what to do`, () => {
    const cause = Object.assign(new Error('its words'), { code });
    const fault = unreachableFault(cause, action);
    assert.match(fault.message, /^cannot create container "x": .* unix:\/\/\/d\.sock: its words; /);
    assert.match(fault.message, advice);
    assert.equal(fault.cause, cause);
  });
}
