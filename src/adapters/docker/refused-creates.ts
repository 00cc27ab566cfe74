import { FailureType } from '../../domain/failure.ts';

/** What a refusal to create means that would come again, however often the engine is asked. */
export interface RefusedCreate {
  readonly type: FailureType;
  /** What to do about it, where the engine's own words do not tell. */
  readonly advice?: string;
}

interface Words extends RefusedCreate {
  readonly words: readonly RegExp[];
}

/**
 * The words of Podman 4.3 for containers, volumes and networks that it does not create. It answers
 * 500 to all of them, where Docker answers 400 or 404, or refuses the start. Source: Podman
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
  // Docker answers 404 to these.
  { type: FailureType.RunnerSystem, words: [/: no such container$/, /: network not found$/] },
  {
    type: FailureType.RunnerConfiguration,
    words: [
      // Podman has not understood the request, and has not looked anything up yet.
      /^fill out specgen: /,
      /: (duplicate mount destination|invalid configuration|invalid mount option|unknown capability)$/,
      / are mutually exclusive options$|: required plugin missing$/,
      // The kernel has the words "invalid argument" too, for mounts, and is not meant.
      /(^|: )(running (container|volume) create option|sysctl \S+ can't be set|network name ).*: invalid argument$/,
      /(^|: )(systemd slice received|did not receive systemd slice|unsupported driver ).*: invalid argument$/,
      /^invalid mount option .*: invalid argument$/,
      /^container create: (invalid (device mode|container path|option)|minimum memoryswap limit)\b/,
      /^container create: (requested (CPUs|memory nodes) are not available|no command or entrypoint) /,
      /^container create: ((opening|loading) seccomp profile .*failed|apparmor profile .* is not enabled)/,
      // A device of the machine.
      /^container create: stat \/\S+: no such file or directory$/,
    ],
  },
];

/** Returns what such a refusal means; undefined when the same request may succeed later. */
export function refusedForGood(message: string): RefusedCreate | undefined {
  return PODMAN.find(({ words }) => words.some((one) => one.test(message)));
}
