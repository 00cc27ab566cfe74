// `npm install --global .` links this directory, so it must be built. An install of the packages
// alone builds nothing, because every command of package.json builds by itself when necessary.
const isWanted =
  process.env.npm_config_global === 'true' ||
  ['pack', 'publish'].includes(process.env.npm_command ?? '');
if (isWanted) {
  // These variables would make an npm that is started from here install globally too.
  for (const name of Object.keys(process.env)) {
    if (name.startsWith('npm_')) delete process.env[name];
  }
  const [{ ensureBuilt }, { main }] = await Promise.all([
    import('./lib/build.mjs'),
    import('./lib/say.mjs'),
  ]);
  await main(ensureBuilt);
}
