/** What an image says that it was built for, in Go's terms: `linux`, `amd64`. */
export interface ImagePlatform {
  readonly os: string;
  readonly architecture: string;
}

const SYSTEMS: ReadonlySet<string> = new Set(['linux', 'windows', 'freebsd', 'darwin']);

const ARCHITECTURES: Readonly<Record<string, string>> = {
  i386: '386',
  x86_64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
  armhf: 'arm',
  armel: 'arm',
};

/**
 * Whether an image was built for the platform that a job asks for. The part that a job leaves out,
 * operating system or architecture, may be any. Variants (`arm/v7`) are not compared, because many
 * images do not name theirs.
 * **Source:** containerd `platforms` (Parse, normalizeArch).
 */
export function isForPlatform(image: ImagePlatform, asked: string): boolean {
  const [first = '', second] = asked.toLowerCase().split('/');
  const isSystem = second !== undefined || SYSTEMS.has(first);
  const os = isSystem ? first : undefined;
  const architecture = isSystem ? second : first;
  return (
    (os === undefined || os === image.os) &&
    (architecture === undefined || goNameOf(architecture) === goNameOf(image.architecture))
  );
}

function goNameOf(architecture: string): string {
  return ARCHITECTURES[architecture] ?? architecture;
}
