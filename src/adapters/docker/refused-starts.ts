interface RefusedStarts {
  /** The engines and versions that use these words. */
  readonly engine: string;
  /** The engine's words for a start that the runtime or the engine itself refused. */
  readonly refusal: RegExp;
  /** The permanent reasons among them: the same start would be refused again. */
  readonly lasting: RegExp;
}

/** Matches what the image lacks or the node's kernel forbids, in the words of runc and crun. */
const LASTING =
  /executable file .*not found|no such file or directory|permission denied|operation not permitted|exec format error|not a directory|is a directory/i;

const ENGINES: readonly RefusedStarts[] = [
  {
    engine: 'Docker 20.10 to 29 with runc',
    refusal: /OCI runtime (create|exec) failed|failed to create (shim )?task/i,
    lasting: LASTING,
  },
  {
    engine: 'Podman 4.3 to 5.3 with runc 1.1 or crun 1.8 to 1.18',
    refusal: /: OCI (runtime error|runtime attempted to invoke a command|permission denied)/i,
    lasting: LASTING,
  },
  {
    engine: 'Podman 4.3, of the image, with the runtime not asked; Docker answers 400 to these',
    refusal:
      /^(preparing container \S+ for attach: )?(looking up supplemental groups for container \S+: )?(unable to find (user|group) |workdir ".*" .*on container )/i,
    lasting: /no matching entries in (passwd|group) file|not a directory|does not exist/i,
  },
  {
    engine: 'Podman 4.3, of the configuration; Docker answers 400 to these when it creates',
    refusal: /: failed to create new hosts file: |error setting cgroup config for /i,
    lasting: /unable to parse host entry |unable to set memory limit to /i,
  },
];

/**
 * Whether a start refused in these words would be refused again. Podman answers 500 to all of them,
 * and Docker before 23 to many.
 */
export function isRefusedForGood(message: string): boolean {
  return ENGINES.some(({ refusal, lasting }) => refusal.test(message) && lasting.test(message));
}
