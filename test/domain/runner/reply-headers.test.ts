import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  isHtmlMediaType,
  isJsonMediaType,
  parseRemoteState,
  parseUpdateIntervalMs,
} from '../../../src/domain/runner/reply-headers.ts';

describe('update interval', () => {
  const cases: [header: string | null, expected: number | undefined, why: string][] = [
    ['3', 3_000, 'somebody watches'],
    ['60', 60_000, 'nobody watches'],
    ['901', 900_000, 'at most 15 minutes'],
    ['99999999999999999999', 900_000, 'absurd'],
    ['0', undefined, 'ignored'],
    ['-3', undefined, 'ignored'],
    ['1.5', undefined, 'no whole number'],
    ['', undefined, 'empty'],
    [null, undefined, 'absent'],
  ];
  for (const [header, expected, why] of cases) {
    it(`of ${header} is ${expected}: ${why}`, () => {
      assert.equal(parseUpdateIntervalMs(header), expected);
    });
  }
});

describe('Job-Status', () => {
  const cases: [header: string | null, expected: string][] = [
    ['running', 'running'],
    ['success', 'running'],
    [null, 'running'],
    ['canceling', 'canceling'],
    ['canceled', 'aborted'],
    ['failed', 'aborted'],
  ];
  for (const [header, expected] of cases) {
    it(`${header} means ${expected}`, () => assert.equal(parseRemoteState(header), expected));
  }
});

describe('media types', () => {
  const cases: [header: string | null, isJson: boolean, isHtml: boolean][] = [
    ['application/json', true, false],
    ['Application/JSON ; charset=utf-8', true, false],
    ['application/json5', false, false],
    ['text/html; charset=utf-8', false, true],
    ['application/xhtml+xml', false, true],
    ['text/plain', false, false],
    [null, false, false],
  ];
  for (const [header, isJson, isHtml] of cases) {
    it(`of ${header}`, () => {
      assert.equal(isJsonMediaType(header), isJson);
      assert.equal(isHtmlMediaType(header), isHtml);
    });
  }
});
