import { chmod, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

// These are real servers for tests of services: PostgreSQL and Redis, each in an image with its
// clients. They are used like the images of the same names in a public registry: with
// `POSTGRES_PASSWORD` and an exposed port.

const POSTGRES_IMAGE = 'temporal-gitlab-runner/postgres:local';
const REDIS_IMAGE = 'temporal-gitlab-runner/redis:local';

const BASIC = ['bash', 'coreutils', 'dash', 'findutils', 'grep', 'sed'];

/** Compiled queries need a compiler of 100 MB, which no test needs. */
const WITHOUT_COMPILER = '-c jit=off';

const START_POSTGRES = `#!/bin/sh
set -e
if [ "$1" != postgres ]; then exec "$@"; fi
if [ -z "$POSTGRES_PASSWORD" ]; then
  echo 'Error: Database is uninitialized and superuser password is not specified.' >&2
  exit 1
fi
export PGDATA=/var/lib/postgresql/data/local
user="\${POSTGRES_USER:-postgres}"
printf '%s\\n' "$POSTGRES_PASSWORD" > /tmp/password
initdb --no-sync --username="$user" --pwfile=/tmp/password --auth=scram-sha-256 --locale=C --encoding=UTF8
rm /tmp/password
echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
database="\${POSTGRES_DB:-$user}"
if [ "$database" != postgres ]; then
  echo "CREATE DATABASE \\"$database\\"" | postgres --single -j ${WITHOUT_COMPILER} postgres
fi
exec postgres -c listen_addresses='*' -c fsync=off ${WITHOUT_COMPILER} -k /tmp
`;

export const DATABASE_IMAGES = [
  {
    name: POSTGRES_IMAGE,
    reference: 'postgres:17',
    packages: [...BASIC, 'postgresql'],
    leftOut: /^(libllvm|libz3|locales|ssl-cert|openssl|cdebconf|systemd|adduser)/,
    script: START_POSTGRES,
    prepare: preparePostgres,
    changes: [
      'USER 1000:1000',
      'ENTRYPOINT ["/usr/local/bin/start-postgres"]',
      'CMD ["postgres"]',
      'EXPOSE 5432',
    ],
  },
  {
    name: REDIS_IMAGE,
    reference: 'redis:7',
    packages: [...BASIC, 'redis-server'],
    leftOut: /^(cdebconf|systemd|adduser)/,
    changes: ['CMD ["redis-server", "--protected-mode", "no", "--save", ""]', 'EXPOSE 6379'],
  },
];

/**
 * Prepares PostgreSQL. Debian's own `psql` is a Perl program that looks for the release to start.
 */
async function preparePostgres(tree) {
  const releases = await readdir(join(tree, 'usr/lib/postgresql'));
  const bin = `/usr/lib/postgresql/${releases.sort().at(-1)}/bin`;
  const local = join(tree, 'usr/local/bin');
  await mkdir(local, { recursive: true });
  for (const name of ['initdb', 'pg_isready', 'postgres', 'psql']) {
    await symlink(`${bin}/${name}`, join(local, name));
  }
  await writeFile(join(local, 'start-postgres'), START_POSTGRES, { mode: 0o755 });
  const data = join(tree, 'var/lib/postgresql/data');
  await mkdir(data, { recursive: true });
  await chmod(data, 0o1777);
}
