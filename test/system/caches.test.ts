import {
  AGED,
  cacheOf,
  filled,
  found,
  FOUND,
  NOT_FOUND,
  variables,
} from '../support/cache-jobs.ts';
import { makeZip } from '../support/make-zip.ts';
import { NO_GIT } from '../support/scenario.ts';
import { describeSequences, type Sequence } from '../support/faults/sequences.ts';

/** An archive whose last member has a wrong checksum. */
const DAMAGED = makeZip([
  { name: 'a.loose', content: 'of the damaged one' },
  { name: 'vendor/half-1', content: 'of the damaged one' },
  { name: 'vendor/half-2', content: 'damaged', crc32: 1 },
]);

function halfOr(fallback: string): Readonly<Record<string, unknown>> {
  const paths = ['vendor/', '*.loose'];
  return { cache: [{ key: 'half', fallback_keys: [fallback], paths, policy: 'pull' }] };
}

const LOCAL: readonly Sequence[] = [
  {
    title: 'a cache goes from one job to the next',
    jobs: [
      {
        ...filled(cacheOf('first')),
        expected: {
          state: 'success',
          log: [
            'Restoring cache',
            'Checking cache for first...',
            'No URL provided, cache will not be downloaded from shared cache server.',
            'Cache file does not exist',
            'Failed to extract cache',
            'Saving cache for successful job',
            'Creating cache first...',
            'vendor/: found 2 matching artifact files and directories',
            'No URL provided, cache will not be uploaded to shared cache server.',
            'Created cache',
          ],
        },
      },
      found(cacheOf('first'), FOUND),
    ],
  },
  {
    title: 'a path that the scripts set in GITLAB_ENV is kept, under the key that was restored',
    jobs: [
      {
        job: {
          variables,
          payload: cacheOf('handed-on-$OUT', { paths: ['$OUT', '$OUT.d/*'] }),
          script: [
            'echo OUT=made >> "$GITLAB_ENV"; mkdir made made.d; echo 1 > made/file; echo 2 > made.d/file',
          ],
        },
        expected: { state: 'success', log: ['Creating cache handed-on-...', 'Created cache'] },
      },
      {
        job: {
          variables,
          payload: cacheOf('handed-on-$OUT', { paths: ['made'] }),
          script: ['cat made/file made.d/file'],
        },
        expected: { state: 'success', log: [/^1\n2$/m] },
      },
    ],
  },
  {
    title: 'is packed again only when something in it has changed',
    jobs: [
      {
        job: {
          variables,
          payload: cacheOf('aged'),
          script: ['mkdir vendor', 'echo kept > vendor/file', AGED],
        },
        expected: { state: 'success' },
      },
      found(cacheOf('aged'), [...FOUND, 'Archive is up to date!', 'Created cache']),
      {
        job: { variables, payload: cacheOf('aged'), script: ['echo more > vendor/more'] },
        expected: { state: 'success', log: ['found 3 matching'] },
      },
      {
        job: { variables, payload: cacheOf('aged'), script: ['cat vendor/file vendor/more'] },
        expected: { state: 'success', log: [/^kept\nmore$/m] },
      },
    ],
  },
  {
    title: 'modes, links and names in any language are restored',
    jobs: [
      {
        job: {
          variables,
          payload: cacheOf('odd'),
          script: [
            'mkdir -p "vendor/größe 日本/empty"',
            'echo "#!/bin/sh" > vendor/tool; chmod 750 vendor/tool; ln -s tool vendor/link; touch vendor/.dot',
          ],
        },
        expected: { state: 'success' },
      },
      {
        job: {
          variables,
          payload: cacheOf('odd'),
          script: [
            'stat -c %a vendor/tool; readlink vendor/link; ls -d vendor/.dot "vendor/größe 日本/empty"',
          ],
        },
        expected: {
          state: 'success',
          log: [/^750\ntool\nvendor\/\.dot\nvendor\/größe 日本\/empty$/m],
        },
      },
    ],
  },
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
    title: 'policy pull never saves, policy push never restores',
    jobs: [
      {
        ...filled(cacheOf('policy', { policy: 'push' })),
        expected: {
          state: 'success',
          log: ['Not downloading cache policy due to policy', 'Created cache'],
        },
      },
      found(cacheOf('policy', { policy: 'pull' }), [
        ...FOUND,
        'Not uploading cache policy due to policy',
      ]),
      {
        job: {
          variables: [...variables, { key: 'POLICY', value: 'pull' }],
          payload: cacheOf('policy', { policy: '$POLICY' }),
          script: ['echo changed > vendor/file'],
        },
        expected: { state: 'success', log: ['Not uploading cache policy due to policy'] },
      },
      found(cacheOf('policy'), FOUND),
    ],
  },
  {
    title: 'an unknown policy fails the job',
    jobs: [
      {
        job: { variables, payload: cacheOf('x', { policy: 'fetch' }), script: ['echo runs'] },
        expected: {
          state: 'failed',
          failureReason: 'runner_system_failure',
          log: ['unknown cache policy "fetch" for x'],
          never: ['echo runs'],
        },
      },
    ],
  },
  {
    title: 'when: on_failure and always save after a failure, on_success does not',
    jobs: [
      {
        job: {
          variables,
          script: ['mkdir vendor', 'echo kept > vendor/file', 'exit 3'],
          payload: {
            cache: [
              { key: 'f-success', paths: ['vendor/'] },
              { key: 'f-failure', paths: ['vendor/'], when: 'on_failure' },
              { key: 'f-always', paths: ['vendor/'], when: 'always' },
            ],
          },
        },
        expected: {
          state: 'failed',
          failureReason: 'script_failure',
          exitCode: 3,
          log: [
            'Saving cache for failed job',
            'Creating cache f-failure...',
            'Created cache',
            'Creating cache f-always...',
          ],
          never: ['Creating cache f-success'],
        },
      },
      found(cacheOf('f-failure'), FOUND),
      found(cacheOf('f-always'), FOUND),
      found(cacheOf('f-success'), NOT_FOUND),
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
    title: 'patterns take their matches in every directory',
    jobs: [
      {
        job: {
          variables,
          payload: {
            cache: [{ key: 'deep', paths: ['**/*.lock', '$DIR/keep', '${UNSET:-late}/x'] }],
          },
          script: [
            'mkdir -p a/b/c d late; touch top.lock a/b/c/deep.lock a/b/not.this late/x late/y',
            'mkdir -p d && touch d/keep d/other',
          ],
        },
        expected: { state: 'success', log: ['**/*.lock: found 2 matching', 'Created cache'] },
      },
      {
        job: { variables, payload: cacheOf('deep'), script: ['find . -type f | sort'] },
        expected: {
          state: 'success',
          log: [/^\.\/a\/b\/c\/deep\.lock\n\.\/late\/x\n\.\/top\.lock$/m],
        },
      },
    ],
  },
  {
    title: 'untracked files are those that git does not know',
    jobs: [
      {
        job: {
          payload: { cache: [{ key: 'untracked', untracked: true }] },
          variables: [{ key: 'GIT_STRATEGY', value: 'clone' }],
          script: ['mkdir -p out', 'echo built > out/result', 'echo changed >> README.md'],
        },
        expected: { state: 'success', log: ['untracked: found 1 files', 'Created cache'] },
      },
      {
        job: {
          payload: { cache: [{ key: 'untracked', untracked: true, policy: 'pull' }] },
          variables: [{ key: 'GIT_STRATEGY', value: 'clone' }],
          script: ['cat out/result', '! grep -q changed README.md'],
        },
        expected: {
          state: 'success',
          log: ['Successfully extracted cache', /^built$/m],
        },
      },
    ],
  },
  {
    title: 'a cache without files causes a warning',
    jobs: [
      {
        job: { variables, payload: cacheOf('empty'), script: ['true'] },
        expected: {
          state: 'success',
          log: ['vendor/: no matching files.', 'No files to cache.', 'Created cache'],
        },
      },
    ],
  },
  {
    title: 'files outside of the project are not kept',
    jobs: [
      {
        job: {
          variables,
          payload: cacheOf('outside', { paths: ['/etc', '../..', 'vendor'] }),
          script: ['mkdir vendor; ln -s /etc vendor/etc'],
        },
        expected: {
          state: 'success',
          log: [
            'artifact path is not a subpath of project directory: /etc',
            'vendor: found 2 matching',
          ],
        },
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
    title: 'a broken archive, or another file in its place, causes a warning and is replaced',
    jobs: [
      {
        job: {
          variables: [NO_GIT],
          script: [
            'mkdir -p /cache/group/project-empty/broken',
            'echo no zip > /cache/group/project-empty/broken/cache.zip',
          ],
        },
        expected: { state: 'success' },
      },
      {
        ...filled(cacheOf('broken')),
        expected: { state: 'success', log: ['Failed to extract cache', 'Created cache'] },
      },
      found(cacheOf('broken'), FOUND),
      {
        job: {
          variables: [NO_GIT],
          script: [
            'cd /cache/group/project-empty/broken',
            'rm cache.zip',
            'ln -s /etc/passwd cache.zip',
          ],
        },
        expected: { state: 'success' },
      },
      found(cacheOf('broken'), ['Cache file does not exist', ...NOT_FOUND]),
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
    title: 'the job chooses a level and a format of compression among the known ones',
    jobs: [
      {
        job: {
          variables: [
            ...variables,
            { key: 'CACHE_COMPRESSION_LEVEL', value: 'fastest' },
            { key: 'CACHE_COMPRESSION_FORMAT', value: 'zip' },
          ],
          payload: cacheOf('level'),
          script: ['mkdir vendor; head -c 100000 /dev/zero > vendor/zeros'],
        },
        expected: { state: 'success', log: ['Created cache'] },
      },
      {
        job: {
          variables: [NO_GIT],
          script: [
            's=$(stat -c %s /cache/group/project-empty/level/cache.zip)',
            'test "$s" -gt 100000 && echo stored',
          ],
        },
        expected: { state: 'success', log: [/^stored$/m] },
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

describeSequences('caches in the /cache volume', { dockerToml: '    volumes = ["/cache"]' }, LOCAL);

describeSequences('caches without a volume', {}, [
  {
    title: 'end with the job',
    jobs: [filled(cacheOf('gone')), found(cacheOf('gone'), NOT_FOUND)],
  },
]);
