import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { storageErrorOf } from '../../../src/domain/runner/storage-error.ts';

describe('the error of an object store', () => {
  const cases: readonly (readonly [why: string, xml: string, expected: string | undefined])[] = [
    [
      'code and message, as S3 and GCS have them',
      '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>',
      'code: AccessDenied, message: Request has expired',
    ],
    ['a code alone', '<Error><Code>NoSuchKey</Code></Error>', 'code: NoSuchKey'],
    ['a message alone', '<Error><Message>no</Message></Error>', 'message: no'],
    [
      'one line, whatever breaks it',
      '<Message>two\r\n\u001b[31mlines</Message>',
      'message: two [31mlines',
    ],
    ['a page that is no error document', '<html><body>Bad gateway</body></html>', undefined],
    ['an end that is missing', '<Error><Code>Access', undefined],
    ['nothing', '', undefined],
  ];
  for (const [why, xml, expected] of cases) {
    it(`is ${expected ?? 'unknown'}: ${why}`, () => assert.equal(storageErrorOf(xml), expected));
  }

  it('is cut when it is long', () => {
    const said = storageErrorOf(`<Message>${'x'.repeat(5_000)}</Message>`);
    assert.equal(said?.length, 'message: '.length + 300);
  });
});
