/** Returns a JSON request body as bytes, so that it has a length and can be sent again. */
export function jsonContent(value: unknown): { readonly type: string; readonly bytes: Uint8Array } {
  return { type: 'application/json', bytes: new TextEncoder().encode(JSON.stringify(value)) };
}
