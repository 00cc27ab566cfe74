process.argv.splice(2, 0, 'run');
await import('./cli.mjs');
