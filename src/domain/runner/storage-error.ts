const MAX_LENGTH = 300;

/**
 * Returns the error in an object store's XML answer, on one line: `code: AccessDenied, message: …`.
 * undefined when it has no words. Other elements quote the request, including its signature, and are
 * left out. Source: gitlab-runner `network/client.go` (decodeXMLResponse), the error documents of
 * S3, GCS and Azure.
 */
export function storageErrorOf(xml: string): string | undefined {
  const code = textOf(xml, 'Code');
  const message = textOf(xml, 'Message');
  const parts = [
    ...(code === undefined ? [] : [`code: ${code}`]),
    ...(message === undefined ? [] : [`message: ${message}`]),
  ];
  return parts.length === 0 ? undefined : parts.join(', ');
}

function textOf(xml: string, tag: string): string | undefined {
  const begin = xml.indexOf(`<${tag}>`);
  const end = begin === -1 ? -1 : xml.indexOf(`</${tag}>`, begin);
  if (end === -1) return undefined;
  const text = xml
    .slice(begin + tag.length + 2, end)
    .slice(0, MAX_LENGTH)
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim();
  return text === '' ? undefined : text;
}
