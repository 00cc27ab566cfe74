/** Returns the boundary in the content type of a form, or undefined when the body is no form. */
export function boundaryOf(contentType: string | undefined): string | undefined {
  if (contentType?.startsWith('multipart/form-data') !== true) return undefined;
  const match = /boundary=(?:"([^"]+)"|([^;]+))/.exec(contentType);
  return match?.[1] ?? match?.[2];
}
