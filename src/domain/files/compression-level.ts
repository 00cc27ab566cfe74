const LEVELS = ['fastest', 'fast', 'default', 'slow', 'slowest'] as const;
const MAX_SHOWN_CHARS = 100;

/** How much work goes into compressing an archive; `fastest` only stores. */
export type CompressionLevel = (typeof LEVELS)[number];

/**
 * The level that a variable asks for, and a warning when it is unknown. Source: gitlab-runner
 * `commands/helpers/archive.go` (GetCompressionLevel).
 */
export function readCompressionLevel(text: string): {
  readonly level: CompressionLevel;
  readonly warning: string | undefined;
} {
  const level = LEVELS.find((known) => known === text);
  if (level !== undefined || text === '') return { level: level ?? 'default', warning: undefined };
  const shown = text.slice(0, MAX_SHOWN_CHARS);
  return {
    level: 'default',
    warning: `compression level "${shown}" is invalid, falling back to default`,
  };
}
