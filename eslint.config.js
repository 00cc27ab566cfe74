import tseslint from 'typescript-eslint';

/** Modules that a folder may not import; types of them are another matter. */
function noImports(files, ...patterns) {
  return {
    files,
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns }] },
  };
}

const NPM_AND_NODE = {
  regex: '^(?!\\.)',
  message: 'pure code imports nothing of npm or node: it is an argument, or a port',
};
const ADAPTERS = { regex: '/adapters/', message: 'speaking is for adapters: ask for a port' };
const PORTS = { regex: '/ports/', message: 'rules need nothing of the world' };
const WORKFLOWS = { regex: '/workflows/', message: 'nobody but worker.ts knows the workflows' };
const COMPOSITION = {
  regex: '/(worker|cli)\\.ts$|/commands/',
  message: 'the composition root imports everything, and nobody imports it',
};

export default tseslint.config(
  // pure.d.ts declares globals as lib.dom does, by `var`.
  { ignores: ['dist', '.build', 'node_modules', 'src/domain/pure.d.ts'] },
  {
    files: ['src/**/*.ts', 'test/**/*.ts', 'tools/**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      // Not `projectService`: that makes a second program for a file with a hashbang (8.73).
      parserOptions: { project: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowRegExp: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/unbound-method': 'off', // methods here are closures: none of them knows `this`
      // node:test's own functions return promises that its runner awaits.
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            {
              from: 'package',
              name: ['it', 'describe', 'test', 'before', 'after', 'suite'],
              package: 'node:test',
            },
          ],
        },
      ],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: true },
      ],
      '@typescript-eslint/require-await': 'off', // an async function turns a throw into a rejection
    },
  },
  {
    files: ['src/**/*.ts', 'tools/**/*.ts'],
    rules: {
      'max-lines': ['error', 400],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      'max-params': ['error', 3],
      complexity: ['error', 10],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      'max-lines': ['error', 600],
      '@typescript-eslint/no-non-null-assertion': 'off',
      // What an assertion proves of a value it says at run time, and better than the types.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-dynamic-delete': 'off', // hostile input is made by taking things away
      '@typescript-eslint/no-misused-spread': 'off', // laws spread whatever was generated
      '@typescript-eslint/no-unused-vars': ['error', { varsIgnorePattern: '^_$' }], // for (const _ of …)
    },
  },
  noImports(['src/domain/**/*.ts'], NPM_AND_NODE, PORTS, ADAPTERS, WORKFLOWS, COMPOSITION),
  noImports(
    ['src/ports/**/*.ts'],
    { regex: '^(?!\\.)', message: 'ports speak of no library' },
    ADAPTERS,
    WORKFLOWS,
    COMPOSITION,
    { regex: '/activities/', message: 'ports know nobody who uses them' },
  ),
  noImports(
    ['src/workflows/**/*.ts'],
    { regex: '^(?!\\.|@temporalio/workflow$)', message: 'workflows are deterministic' },
    ADAPTERS,
    { regex: '/activities/(?!contract\\.ts$)', message: 'only the contract of activities' },
    COMPOSITION,
  ),
  noImports(
    ['src/activities/**/*.ts'],
    { regex: '^(?!\\.|@temporalio/activity$)', message: 'a file or a socket is a port' },
    ADAPTERS,
    WORKFLOWS,
    COMPOSITION,
  ),
  noImports(
    ['src/adapters/**/*.ts'],
    { regex: '/activities/', message: 'adapters know ports, not who uses them' },
    WORKFLOWS,
    COMPOSITION,
  ),
  noImports(['src/worker/recovery/**/*.ts'], {
    regex: '^@temporalio/',
    message: 'workflows are started and signaled by the port `Workflows`',
  }),
  {
    files: ['test/faults/**/*.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          name: 'node:test',
          importNames: ['it', 'test'],
          message:
            'import it from ../support/faults/fault-report.ts: each test has its row in the table',
        },
      ],
    },
  },
  { files: ['**/*.mjs', '*.js'], extends: [tseslint.configs.base] },
);
