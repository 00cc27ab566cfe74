import { cacheOf, filled, found, FOUND, NOT_FOUND, variables } from '../support/cache-jobs.ts';
import { makeZip } from '../support/make-zip.ts';
import { NO_GIT } from '../support/scenario.ts';
import { describeSequences, type Sequence } from '../support/faults/sequences.ts';

/** An archive in which the last member has a wrong checksum. */
const DAMAGED = makeZip([
  { name: 'a.loose', content: 'of the damaged one' },
  { name: 'vendor/half-1', content: 'of the damaged one' },
  { name: 'vendor/half-2', content: 'damaged', crc32: 1 },
]);

function halfOr(fallback: string): Readonly<Record<string, unknown>> {
  const paths = ['vendor/', '*.loose'];
  return { cache: [{ key: 'half', fallback_keys: [fallback], paths, policy: 'pull' }] };
}

const KEYS: readonly Sequence[] = [
  {
    title: 'a cache without a key has one of job and ref, and another job does not see it',
    jobs: [
      { ...filled({ cache: [{ paths: ['vendor/'] }], job_info: { name: 'compile' } }) },
      {
        ...found({ cache: [{ paths: ['vendor/'] }], job_info: { name: 'compile' } }, FOUND),
      },
      {
        ...found({ cache: [{ paths: ['vendor/'] }], job_info: { name: 'test' } }, [
          'Checking cache for test/main',
          ...NOT_FOUND,
        ]),
      },
    ],
  },
  {
    title: 'variables in a key are expanded, and its path is made safe',
    jobs: [
      {
        ...filled(cacheOf('../../%2e%2e/$CI_JOB_STAGE\\x')),
        expected: {
          state: 'success',
          log: [/WARNING: cache key .* sanitized to "test\/x"/, 'Creating cache test/x...'],
        },
      },
      found(cacheOf('test/x'), FOUND),
    ],
  },
  {
    title: 'hostile keys cause a warning',
    jobs: ['..', '//', '$NOT_SET', 'x'.repeat(5000)].map((key) => ({
      job: { variables, payload: cacheOf(key), script: ['mkdir vendor', 'echo still runs'] },
      expected: {
        state: 'success',
        log: [
          /Skipping cache extraction due to empty cache key|Failed to extract cache/,
          /^still runs$/m,
        ],
      },
    })),
  },
  {
    title: 'the fallback keys are tried in their order, that of the variable last',
    jobs: [
      filled(cacheOf('older')),
      filled(cacheOf('common'), 'common'),
      found(cacheOf('none-1', { fallback_keys: ['none-2', 'older'] }), [
        'Checking cache for none-1...',
        'Checking cache for none-2...',
        'Checking cache for older...',
        ...FOUND,
      ]),
      {
        job: {
          variables: [...variables, { key: 'CACHE_FALLBACK_KEY', value: 'common' }],
          payload: cacheOf('none-3'),
          script: ['cat vendor/file'],
        },
        expected: { state: 'success', log: ['Checking cache for common...', /^common$/m] },
      },
    ],
  },
  {
    title: 'the fallback key of the variable may not be one of protected refs',
    jobs: [
      {
        job: {
          variables: [...variables, { key: 'CACHE_FALLBACK_KEY', value: 'main-protected' }],
          payload: cacheOf('none-4'),
        },
        expected: {
          state: 'success',
          log: [
            'CACHE_FALLBACK_KEY "main-protected" not allowed to end in "-protected"',
            'Checking cache for none-4',
          ],
        },
      },
    ],
  },
  {
    title: 'several caches of a job are separate',
    jobs: [
      {
        job: {
          variables,
          payload: {
            cache: [
              { key: 'one', paths: ['a'] },
              { key: 'two', paths: ['b'] },
            ],
          },
          script: ['echo in-a > a', 'echo in-b > b', 'echo in-c > c'],
        },
        expected: { state: 'success', log: ['a: found 1 matching', 'b: found 1 matching'] },
      },
      {
        job: { variables, payload: { cache: [{ key: 'two', paths: ['b'] }] }, script: ['ls'] },
        expected: { state: 'success', log: [/^b$/m], never: ['in-c'] },
      },
    ],
  },
  {
    title: 'protected and unprotected refs never see each other’s caches',
    jobs: [
      filled({ ...cacheOf('ref'), git_info: { protected: false } }, 'poisoned'),
      found({ ...cacheOf('ref'), git_info: { protected: true } }, NOT_FOUND),
      filled({ ...cacheOf('ref'), git_info: { protected: true } }),
      found({ ...cacheOf('ref'), git_info: { protected: true } }, FOUND),
      found({ ...cacheOf('ref'), git_info: { protected: false } }, [/^poisoned$/m]),
    ],
  },
  {
    title: 'two projects with the same key have separate caches',
    jobs: [
      filled(cacheOf('shared-name')),
      found({ ...cacheOf('shared-name'), job_info: { project_id: 777_001 } }, NOT_FOUND),
    ],
  },
  {
    title: 'half a restored cache is removed before the next key is tried, if the flag is set',
    jobs: [
      filled(cacheOf('whole'), 'whole'),
      {
        job: {
          variables: [NO_GIT],
          script: [
            'mkdir -p /cache/group/project-empty/half',
            `echo ${DAMAGED.toString('base64')} | base64 -d > /cache/group/project-empty/half/cache.zip`,
          ],
        },
        expected: { state: 'success' },
      },
      {
        job: {
          variables,
          payload: halfOr('whole'),
          script: ['cat vendor/file', 'ls -a . vendor', 'ls vendor | wc -l'],
        },
        expected: {
          state: 'success',
          log: ['Successfully extracted cache', /^whole$/m, 'a.loose', /^3$/m],
        },
      },
      {
        job: {
          variables: [...variables, { key: 'FF_CLEAN_UP_FAILED_CACHE_EXTRACT', value: 'true' }],
          payload: halfOr('whole'),
          script: ['cat vendor/file', 'ls -a . vendor', 'ls vendor | wc -l'],
        },
        expected: {
          state: 'success',
          log: [
            ...['Checking cache for half...', 'Failed to extract cache', 'Removing vendor/'],
            ...['Checking cache for whole...', 'Successfully extracted cache'],
            ...[/^whole$/m, /^1$/m],
          ],
          never: ['a.loose'],
        },
      },
    ],
  },
  {
    title: 'the flag for hashed keys gives a cache another name',
    jobs: [
      {
        ...filled(cacheOf('../any%2fkey ')),
        job: {
          ...filled(cacheOf('../any%2fkey ')).job,
          variables: [...variables, { key: 'FF_HASH_CACHE_KEYS', value: 'true' }],
        },
        expected: { state: 'success', log: ['Created cache'], never: ['sanitized'] },
      },
    ],
  },
];

describeSequences('keys of caches', { dockerToml: '    volumes = ["/cache"]' }, KEYS);
