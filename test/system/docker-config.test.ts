import { it } from 'node:test';
import { dockerAt, isPodman } from '../support/docker/docker-at.ts';
import { describeScenarios, JOB_IMAGE, NO_GIT, type Scenario } from '../support/scenario.ts';
import { shareNode } from '../support/shared-node.ts';

const variables = [NO_GIT];

/** Each value differs from Docker's default. */
const SETTINGS = `
    hostname = "ci-box"
    group_add = ["4321"]
    cap_add = ["SYS_NICE"]
    cap_drop = ["NET_RAW", "MKNOD"]
    security_opt = ["no-new-privileges"]
    devices = ["/dev/null:/dev/nothing"]
    dns = ["192.0.2.53"]
    dns_search = ["ci.example.com"]
    extra_hosts = ["registry.internal:192.0.2.9"]
    mac_address = "02:42:AC:11:7F:01"
    shm_size = 33554432
    cpuset_cpus = "0"
    cpuset_mems = "0"
    cgroup_parent = "/tgr-jobs"
    oom_score_adjust = 321
    log_options = { labels = "a" }
    container_labels = { team = "$CI_PROJECT_NAME" }
    [runners.docker.tmpfs]
      "/scratch" = "rw,size=1m"
    [runners.docker.ulimit]
      nofile = "1000:2000"
      core = "0"
      # Else Podman as root raises it, which a machine that is itself a container may not do.
      nproc = "2048:2048"
    [runners.docker.sysctls]
      "net.ipv4.ip_default_ttl" = "33"`;

/** Returns a job that prints how its container is configured. */
function seen(title: string, script: string, log: readonly (string | RegExp)[]): Scenario {
  return {
    title,
    docker: SETTINGS,
    job: { script: [script], variables },
    expected: { state: 'success', log },
  };
}

const RULES = `
    privileged = true
    allowed_images = ["${JOB_IMAGE.split(':')[0] ?? ''}:*", "docker.example.com/**"]
    allowed_privileged_images = ["docker.example.com/**"]
    allowed_users = ["1234", "root"]
    disable_entrypoint_overwrite = true
    volume_keep = true`;

const CONFIGURATION_ERROR = {
  state: 'failed',
  failureReason: 'runner_configuration_error',
} as const;

function rejected(title: string, docker: string, message: string | RegExp): Scenario {
  return {
    title,
    docker,
    job: { script: ['echo never'], variables },
    expected: { ...CONFIGURATION_ERROR, log: ['ERROR: Job failed', message], never: ['$ echo'] },
  };
}

const isOnPodman = await isPodman(dockerAt(undefined));

await shareNode(() => {
  describeScenarios('settings that [runners.docker] gives a job', {}, [
    seen('hostname names the container', 'hostname', [/^ci-box$/m]),
    seen('group_add puts the job into more groups', 'id -G', [/^0 .*4321/m]),
    seen(
      'cap_add and cap_drop decide what root may do',
      'grep CapEff /proc/self/status',
      // Docker's default is a80425fb. The job adds SYS_NICE, and drops NET_RAW and MKNOD.
      [/CapEff:\s+00000000a0/],
    ),
    seen('security_opt takes away new rights', 'grep NoNewPrivs /proc/self/status', [/:\s+1$/m]),
    seen('devices are there under the name that the config gives them', 'ls -l /dev/nothing', [
      /^crw.* 1, *3 .*\/dev\/nothing/m,
    ]),
    seen(
      'dns and dns_search say how names are found',
      'grep ^search /etc/resolv.conf; grep ^nameserver /etc/resolv.conf',
      [/^search ci\.example\.com$/m, /^nameserver 192\.0\.2\.53$/m],
    ),
    seen('extra_hosts are known by name', 'cat /etc/hosts', [
      /^192\.0\.2\.9\s+registry\.internal$/m,
    ]),
    seen('mac_address is that of the container', 'cat /sys/class/net/eth0/address', [
      /^02:42:ac:11:7f:01$/m,
    ]),
    seen('shm_size is that of shared memory', 'df -k /dev/shm', [/ 32768 /]),
    seen('tmpfs is a file system of its own', 'df -k /scratch', [/^tmpfs +1024 /m]),
    seen('cpuset_cpus and cpuset_mems pin the job', 'grep allowed_list /proc/self/status', [
      /Cpus_allowed_list:\s+0$/m,
      /Mems_allowed_list:\s+0$/m,
    ]),
    seen('cgroup_parent holds the job', 'cat /proc/self/cgroup', ['/tgr-jobs/']),
    seen('oom_score_adjust says who is killed first', 'cat /proc/self/oom_score_adj', [/^321$/m]),
    seen('ulimit sets soft and hard limits', 'echo "$(ulimit -Sn) $(ulimit -Hn) $(ulimit -c)"', [
      /^1000 2000 0$/m,
    ]),
    seen('sysctls hold in the container', 'cat /proc/sys/net/ipv4/ip_default_ttl', [/^33$/m]),
  ]);

  describeScenarios('things that [runners.docker] forbids a job', {}, [
    {
      title: 'an image outside of allowed_images fails the job, and the log has the patterns',
      docker: RULES,
      job: { image: 'alpine:3', script: ['true'], variables },
      expected: {
        ...CONFIGURATION_ERROR,
        log: [/"alpine:3" image is not present on list of allowed images: .*docker\.example\.com/],
      },
    },
    {
      title: 'variables in the name of an image do not circumvent allowed_images',
      docker: RULES,
      job: {
        image: '$EVIL:3',
        script: ['true'],
        variables: [...variables, { key: 'EVIL', value: 'alpine' }],
      },
      expected: { ...CONFIGURATION_ERROR, log: ['"alpine:3" image is not present'] },
    },
    {
      title: 'an allowed image outside of allowed_privileged_images runs unprivileged',
      docker: RULES,
      job: { image: JOB_IMAGE, script: ['grep CapEff /proc/self/status'], variables },
      expected: { state: 'success', log: [/CapEff:\s+00000000a80425fb/] },
    },
    {
      title: 'a user outside of allowed_users fails the job',
      docker: RULES,
      job: {
        script: ['id -u'],
        variables,
        payload: { image: { name: JOB_IMAGE, executor_opts: { docker: { user: '0' } } } },
      },
      expected: {
        ...CONFIGURATION_ERROR,
        log: [/user "0" is not an allowed user: \[1234 root\]/],
      },
    },
    {
      title: 'a user of allowed_users runs the script',
      docker: RULES,
      job: {
        script: ['id -u'],
        variables,
        payload: { image: { name: JOB_IMAGE, executor_opts: { docker: { user: '1234' } } } },
      },
      expected: { state: 'success', log: [/^1234$/m] },
    },
    {
      title: 'disable_entrypoint_overwrite ignores the entrypoint of the job with a warning',
      docker: RULES,
      job: {
        script: ['echo script "<$ADDED>"'],
        variables,
        payload: {
          image: { name: JOB_IMAGE, entrypoint: ['sh', '-c', 'ADDED=yes exec "$@"', 'sh'] },
        },
      },
      expected: {
        state: 'success',
        log: ['WARNING: Entrypoint override disabled', /^script <>$/m],
      },
    },
    {
      title: 'volume_keep causes a warning in each job',
      docker: RULES,
      job: { script: ['true'], variables },
      expected: { state: 'success', log: ['WARNING: volume_keep is enabled'] },
    },
    {
      title: 'privileged holds for every image when none is listed, the user of the config for all',
      docker: '    privileged = true\n    user = "1234"\n    pid_mode = "host"',
      job: {
        script: ['id -u', 'grep CapBnd /proc/self/status', 'readlink /proc/1/exe || echo hidden'],
        variables,
        payload: { image: { name: JOB_IMAGE, executor_opts: { docker: { user: 'root' } } } },
      },
      expected: {
        state: 'success',
        log: [/^1234$/m, /CapBnd:\s+00000(?:03f|1ff)/],
      },
    },
  ]);

  describeScenarios('an invalid value of [runners.docker] fails the job and is named', {}, [
    rejected('dns', '    dns = ["dns.local"]', /invalid dns in \[runners\.docker\]: "dns\.local"/),
    rejected(
      'log_options',
      '    log_options = { max-size = "1k" }',
      'invalid log options: only ["env" "labels"] are allowed, but found: ["max-size"]',
    ),
    rejected('gpus', '    gpus = "most"', /invalid gpus .*"most"/),
  ]);

  if (isOnPodman) {
    void it('an unknown runtime', { skip: 'Podman 4.3 takes no notice of it' }, () => undefined);
  } else {
    describeScenarios('an unknown runtime', {}, [
      rejected(
        'is refused by Docker itself',
        '    runtime = "no-such-runtime"',
        /create container .*answered 400.*no-such-runtime/,
      ),
    ]);
  }
});
