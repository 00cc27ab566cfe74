import { Command, InvalidArgumentError, Option } from 'commander';
import { addEntryOptions } from './entry-options.ts';
import { booleanOption, configOption, readCount } from './options.ts';

/** Options of `register` besides the keys of the entry. */
export interface RegisterFlags {
  readonly config: string;
  readonly nonInteractive?: boolean;
  readonly leaveRunner?: boolean;
  readonly url?: string;
  readonly token?: string;
  readonly registrationToken?: string;
  readonly name?: string;
  readonly executor?: string;
  readonly templateConfig?: string;
  // These are the server's settings of a runner. With an authentication token they are set in
  // GitLab's pages.
  readonly tagList?: string;
  readonly runUntagged?: boolean;
  readonly locked?: boolean;
  readonly accessLevel?: 'not_protected' | 'ref_protected';
  readonly maximumTimeout?: number;
  readonly paused?: boolean;
  readonly maintenanceNote?: string;
}

export function describeRegister(): Command {
  const command = new Command('register').description('Register a new runner');
  const options = [
    configOption(),
    booleanOption('-n, --non-interactive', 'Run registration unattended').env(
      'REGISTER_NON_INTERACTIVE',
    ),
    booleanOption('--leave-runner', "Don't remove the runner if registration fails").env(
      'REGISTER_LEAVE_RUNNER',
    ),
    new Option('-u, --url <url>', 'GitLab instance URL').env('CI_SERVER_URL'),
    new Option('-t, --token <token>', 'Runner token').env('CI_SERVER_TOKEN'),
    new Option('-r, --registration-token <token>', 'Registration token (deprecated)').env(
      'REGISTRATION_TOKEN',
    ),
    new Option('--description, --name <name>', 'Runner name').env('RUNNER_NAME'),
    new Option('--executor <name>', 'Executor, only "docker" here').env('RUNNER_EXECUTOR'),
    new Option(
      '--template-config <file>',
      'Config file whose only runner provides the values that are not given',
    ).env('TEMPLATE_CONFIG_FILE'),
    ...serverOptions(),
  ];
  for (const option of options) command.addOption(option);
  addEntryOptions(command);
  return command;
}

function serverOptions(): readonly Option[] {
  return [
    new Option('--tag-list <tags>', 'Tags, separated by commas').env('RUNNER_TAG_LIST'),
    booleanOption('--run-untagged', 'Run jobs without tags').env('REGISTER_RUN_UNTAGGED'),
    booleanOption('--locked', 'Lock the runner to its project, true by default').env(
      'REGISTER_LOCKED',
    ),
    new Option('--access-level <level>', 'not_protected or ref_protected')
      .argParser(readAccessLevel)
      .env('REGISTER_ACCESS_LEVEL'),
    new Option('--maximum-timeout <seconds>', 'Longest time that a job may take')
      .argParser(readCount)
      .env('REGISTER_MAXIMUM_TIMEOUT'),
    booleanOption('--paused', 'Register the runner paused').env('REGISTER_PAUSED'),
    new Option('--maintenance-note <text>', "The runner's maintenance note").env(
      'REGISTER_MAINTENANCE_NOTE',
    ),
  ];
}

function readAccessLevel(text: string): string | undefined {
  if (['not_protected', 'ref_protected', ''].includes(text)) return text || undefined;
  throw new InvalidArgumentError('Expected not_protected or ref_protected.');
}
