import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isIpAddress, parseMacAddress } from '../../../src/domain/executor/addresses.ts';

describe('an IP address', () => {
  const cases: readonly [text: string, expected: boolean, why: string][] = [
    ['8.8.8.8', true, 'IPv4'],
    ['255.255.255.255', true, 'the last IPv4'],
    ['256.1.1.1', false, 'a part is too large'],
    ['8.8.8', false, 'a part lacks'],
    ['8.8.8.8.8', false, 'a part too many'],
    ['8.8.8.08', false, 'octal or decimal, nobody knows'],
    ['', false, 'nothing'],
    ['dns.example.com', false, 'a name'],
    [' 8.8.8.8', false, 'a space'],
    ['::', true, 'all zeros'],
    ['::1', true, 'loopback'],
    ['2001:db8::53', true, 'zeros left out'],
    ['2001:0db8:0000:0000:0000:0000:0000:0053', true, 'all eight groups'],
    ['1:2:3:4:5:6:7::', true, 'one group left out'],
    ['1:2:3:4:5:6:7:8::', false, 'none is left to leave out'],
    ['1:2:3:4:5:6:7', false, 'a group lacks'],
    ['1:2:3:4:5:6:7:8:9', false, 'a group too many'],
    ['1::2::3', false, 'how many zeros where?'],
    [':1:2:3:4:5:6:7', false, 'begins with half a gap'],
    ['12345::', false, 'a group too long'],
    ['g::', false, 'no hexadecimal digit'],
    ['::ffff:10.0.0.1', true, 'IPv4 in IPv6'],
    ['::ffff:10.0.0.256', false, 'bad IPv4 in IPv6'],
    ['fe80::1%eth0', true, 'with a zone'],
    ['fe80::1%', false, 'an empty zone'],
    ['8.8.8.8%eth0', false, 'IPv4 has no zones'],
  ];
  for (const [text, expected, why] of cases) {
    it(`is ${expected ? '' : 'not '}"${text}": ${why}`, () => {
      assert.equal(isIpAddress(text), expected);
    });
  }
});

describe('a MAC address', () => {
  const cases: readonly [text: string, expected: string | undefined, why: string][] = [
    ['02:42:AC:11:00:02', '02:42:ac:11:00:02', 'colons'],
    ['02-42-ac-11-00-02', '02:42:ac:11:00:02', 'dashes'],
    ['0242.ac11.0002', '02:42:ac:11:00:02', 'dots'],
    ['02:42-ac:11:00:02', undefined, 'a mixture'],
    ['02:42:ac:11:00', undefined, 'too short'],
    ['02:42:ac:11:00:02:03:04', undefined, 'Docker knows no EUI-64'],
    ['02:42:ac:11:00:0g', undefined, 'no hexadecimal digit'],
  ];
  for (const [text, expected, why] of cases) {
    it(`is read from ${text} as ${String(expected)}: ${why}`, () => {
      assert.equal(parseMacAddress(text), expected);
    });
  }
});
