// `npm install --global .` links this very directory: what it links to has to be built. An install of
// the packages alone builds nothing: every command of package.json does so by itself when it must.
const isWanted =
  process.env.npm_config_global === 'true' ||
  ['pack', 'publish'].includes(process.env.npm_command ?? '');
if (isWanted) {
  // They tell an npm that is started from here to install globally too.
  for (const name of Object.keys(process.env)) {
    if (name.startsWith('npm_')) delete process.env[name];
  }
  const [{ ensureBuilt }, { main }] = await Promise.all([
    import('./lib/build.mjs'),
    import('./lib/say.mjs'),
  ]);
  await main(ensureBuilt);
}
