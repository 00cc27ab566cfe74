// Jobs of tests run in these images. scripts/lib makes them before the tests.

export const JOB_IMAGE = process.env['TGR_TEST_JOB_IMAGE'] ?? 'temporal-gitlab-runner/job:local';
export const HELPER_IMAGE =
  process.env['TGR_TEST_HELPER_IMAGE'] ?? 'temporal-gitlab-runner/helper:local';
