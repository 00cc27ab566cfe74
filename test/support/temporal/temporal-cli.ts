/**
 * Returns the path of the temporal program, which `npm test` finds or builds before it runs the
 * tests.
 */
export function temporalCli(): string {
  const path = process.env['TEMPORAL_CLI_PATH'] ?? '';
  if (path !== '') return path;
  throw new Error(
    'TEMPORAL_CLI_PATH is not set: run these tests by `npm test`, which finds or builds the ' +
      'temporal program, or name one yourself',
  );
}
