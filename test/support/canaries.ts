import assert from 'node:assert/strict';

/** Fails when the bytes contain one of the canaries in any of its forms. */
export function assertNoCanary(bytes: Buffer, canaries: readonly string[], where: string): void {
  for (const secret of canaries) {
    for (const form of formsOf(secret)) {
      assert.equal(bytes.includes(form), false, `${where} holds ${secret} as ${form}`);
    }
  }
}

/** Returns the secret itself, its hex form, and its base64 form at each of the three alignments. */
function formsOf(secret: string): readonly string[] {
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.from('x'.repeat(shift) + secret)
      .toString('base64')
      .slice(4, -4),
  );
  return [secret, Buffer.from(secret).toString('hex'), ...base64];
}
