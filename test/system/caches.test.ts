import {
  AGED,
  cacheOf,
  filled,
  found,
  FOUND,
  NOT_FOUND,
  variables,
} from '../support/cache-jobs.ts';
import { NO_GIT } from '../support/scenario.ts';
import { describeSequences, type Sequence } from '../support/faults/sequences.ts';

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
];

describeSequences('caches in the /cache volume', { dockerToml: '    volumes = ["/cache"]' }, LOCAL);

describeSequences('caches without a volume', {}, [
  {
    title: 'end with the job',
    jobs: [filled(cacheOf('gone')), found(cacheOf('gone'), NOT_FOUND)],
  },
]);
