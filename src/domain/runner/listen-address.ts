/** The address at which a server listens. */
export interface ListenAddress {
  /** undefined means every address of the machine. */
  readonly host: string | undefined;
  readonly port: number;
}

const MAX_PORT = 65_535;

/**
 * `host:port`, `[::1]:port`, `:port` or a host alone, which gets the default port. Returns
 * undefined for any other text. Source: gitlab-runner `common/config.go` (ListenAddress).
 */
export function parseListenAddress(text: string, defaultPort?: number): ListenAddress | undefined {
  const parts = /^(?:\[([0-9a-f:.]+)\]|([^\s:/[\]]*))(?::(\d{1,5}))?$/i.exec(text.trim());
  if (parts === null || text.trim() === '') return undefined;
  const [, bracketed, plain, digits] = parts;
  const port = digits === undefined ? defaultPort : Number(digits);
  if (port === undefined || port > MAX_PORT) return undefined;
  return { host: bracketed ?? (plain === '' ? undefined : plain), port };
}
