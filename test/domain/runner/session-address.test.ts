import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planSessionAddress } from '../../../src/domain/runner/session-address.ts';

const plan = (listenAddress: string, advertiseAddress = '') =>
  planSessionAddress({ listenAddress, advertiseAddress, timeoutSeconds: 1800 });

describe('the addresses of the session server', () => {
  const good: [listen: string, advertise: string, origin: string, host: string][] = [
    ['127.0.0.1:8093', '', 'https://127.0.0.1:8093', '127.0.0.1'],
    ['[::1]:8093', '', 'https://[::1]:8093', '::1'],
    [':8093', 'runner.example.com:8093', 'https://runner.example.com:8093', 'runner.example.com'],
    [
      '0.0.0.0:8093',
      'terminal.example.com',
      'https://terminal.example.com',
      'terminal.example.com',
    ],
    ['0.0.0.0:8093', '[2001:db8::1]:443', 'https://[2001:db8::1]:443', '2001:db8::1'],
  ];
  for (const [listen, advertise, origin, host] of good) {
    it(`of ${listen} and ${advertise || 'nothing'} are ${origin}`, () => {
      const address = plan(listen, advertise);
      assert.ok(typeof address === 'object');
      assert.deepEqual([address.origin, address.host], [origin, host]);
      assert.equal(address.listen.port, 8093);
    });
  }

  const bad: [listen: string, advertise: string, reason: RegExp][] = [
    ['8093', '', /listen_address \\"8093\\" is no host:port/],
    ['host:99999', '', /listen_address/],
    [':8093', '', /listen_address \\":8093\\" has no host/],
    [':8093', ':8093', /advertise_address \\":8093\\" has no host/],
    [':8093', 'https://runner.example.com', /advertise_address .* must not have a scheme/],
    [':8093', 'http://runner.example.com', /must not have a scheme/],
    [':8093', 'runner.example.com/path', /advertise_address/],
    [':8093', '%^*:x', /advertise_address/],
    [':8093', 'a b:1', /advertise_address/],
  ];
  for (const [listen, advertise, reason] of bad) {
    it(`cannot be ${listen} and ${advertise || 'nothing'}`, () => {
      assert.match(JSON.stringify(plan(listen, advertise)), reason);
    });
  }
});
