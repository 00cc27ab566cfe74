import { FailureType } from '../../domain/failure.ts';

/** The meaning of a refusal to create something that will not change with another try. */
export interface RefusedCreate {
  readonly type: FailureType;
  /** What a person can do, when the engine's message does not say that. */
  readonly advice?: string;
}

interface Words extends RefusedCreate {
  readonly words: readonly RegExp[];
}

/**
 * The messages of Podman 4.3 about containers, volumes and networks that it does not create. Podman
 * always answers 500, while Docker answers 400 or 404, or refuses the start. Source: Podman
 * `pkg/api/handlers/compat/containers_create.go`, `pkg/specgen`, `libpod/options.go`.
 */
const PODMAN: readonly Words[] = [
  {
    type: FailureType.RunnerSystem,
    advice: 'install catatonit on the node, or set init_path in its containers.conf',
    words: [
      /container-init binary not found on the host|no path to init binary found/,
      /lookup init binary: /,
    ],
  },
  // Docker answers 404 in these cases.
  { type: FailureType.RunnerSystem, words: [/: no such container$/, /: network not found$/] },
  {
    type: FailureType.RunnerConfiguration,
    words: [
      // Podman could not read the request, and has not looked up anything yet.
      /^fill out specgen: /,
      /: (duplicate mount destination|invalid configuration|invalid mount option|unknown capability)$/,
      / are mutually exclusive options$|: required plugin missing$/,
      // Only these beginnings are final. The kernel also says "invalid argument", about mounts.
      /(^|: )(running (container|volume) create option|sysctl \S+ can't be set|network name ).*: invalid argument$/,
      /(^|: )(systemd slice received|did not receive systemd slice|unsupported driver ).*: invalid argument$/,
      /^invalid mount option .*: invalid argument$/,
      /^container create: (invalid (device mode|container path|option)|minimum memoryswap limit)\b/,
      /^container create: (requested (CPUs|memory nodes) are not available|no command or entrypoint) /,
      /^container create: ((opening|loading) seccomp profile .*failed|apparmor profile .* is not enabled)/,
      // The device does not exist on the machine.
      /^container create: stat \/\S+: no such file or directory$/,
    ],
  },
];

/** Returns what such a refusal means; undefined when the same request may succeed later. */
export function refusedForGood(message: string): RefusedCreate | undefined {
  return PODMAN.find(({ words }) => words.some((one) => one.test(message)));
}
