import { existsSync, readFileSync } from 'node:fs';

/**
 * Formats what the system tests have shown, one behaviour after another: the job as in
 * .gitlab-ci.yml, the configuration that matters, and the result. `file` holds a row for each
 * scenario, see test/support/scenario-report.ts.
 */
export function formatScenarioList(file) {
  const rows = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
  const scenarios = rows.map((row) => JSON.parse(row));
  const groups = [...new Set(scenarios.map(({ group }) => group))].sort();
  const good = scenarios.filter(({ isGood }) => isGood).length;
  return [
    ...groups.flatMap((group) => [
      `\n# ${group}`,
      ...scenarios.filter((scenario) => scenario.group === group).map(formatScenario),
    ]),
    `\n${scenarios.length} scenarios, ${good} as expected`,
  ].join('\n');
}

function formatScenario({ title, isGood, docker, job, expected, next }) {
  return [
    `\n${isGood ? '✔' : '✘'} ${title}`,
    ...(docker ? section('config.toml', docker.trim().split('\n')) : []),
    ...(job ? section('job', formatJob(job)) : []),
    ...section('expected', formatExpected(expected)),
    ...(next ? section('next job', formatJob(next.job)) : []),
    ...(next ? section('expected of it', formatExpected(next.expected)) : []),
  ].join('\n');
}

function section(title, lines) {
  return [`    ${title}`, ...lines.map((line) => `      ${line.trim()}`)];
}

/** Formats a job as in .gitlab-ci.yml, with each value as JSON, which is also YAML. */
function formatJob({ variables = [], afterScript, payload = {}, runnerToken: _, ...rest }) {
  const job = {
    ...rest,
    after_script: afterScript,
    variables: variables.length === 0 ? undefined : Object.fromEntries(variables.map(toVariable)),
    ...payload,
  };
  return formatEntries(job);
}

function toVariable({ key, value, ...flags }) {
  return [key, Object.keys(flags).length === 0 ? value : { value, ...flags }];
}

function formatExpected({ log = [], never = [], ...rest }) {
  return [
    ...formatEntries(rest),
    ...log.map((line) => `log: ${shorten(line)}`),
    ...never.map((line) => `never in the log: ${shorten(line)}`),
  ];
}

function formatEntries(value) {
  return Object.entries(value)
    .filter(([, inner]) => inner !== undefined && inner !== null)
    .map(([key, inner]) => `${key}: ${shorten(JSON.stringify(inner))}`);
}

const LONGEST = 300;

/** Shortens a text to one line of limited length. */
function shorten(text) {
  const line = text.replace(/\s*\n\s*/g, ' ⏎ ');
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}… (${line.length} characters)` : line;
}
