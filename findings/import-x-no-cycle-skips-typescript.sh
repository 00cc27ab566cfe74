#!/usr/bin/env bash
# eslint-plugin-import-x 4.18.1: the rule no-cycle reports nothing for circles between .ts files until the
# setting `import-x/extensions` names `.ts`. The specifiers have the extension, the files are linted, other
# rules of the plugin work; only the look into the imported file is skipped, without a word. A project
# that has the rule on may have circles for years.
# Exits with 0 while this is so.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund eslint@10.15.0 eslint-plugin-import-x@4.18.1 typescript@6.0.3 typescript-eslint@8.73.0
mkdir src
echo "import { b } from './b.ts'; export const a = () => b;" >src/a.ts
echo "import { a } from './a.ts'; export const b = () => a;" >src/b.ts
cat >try.mjs <<'JS'
import { ESLint } from 'eslint';
import { importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

async function circles(settings) {
  const linter = new ESLint({
    overrideConfigFile: true,
    overrideConfig: { files: ['**/*.ts'], languageOptions: { parser: tseslint.parser }, plugins: { 'import-x': importX }, rules: { 'import-x/no-cycle': 'error' }, settings },
  });
  const results = await linter.lintFiles(['src/*.ts']);
  return results.flatMap(({ messages }) => messages.map(({ ruleId }) => ruleId)).length;
}
const [silent, told] = [await circles({}), await circles({ 'import-x/extensions': ['.ts'] })];
console.log('eslint-plugin-import-x 4.18.1: circles reported without the setting', silent, 'and with it', told);
process.exit(silent === 0 && told === 2 ? 0 : 1);
JS
node try.mjs
