import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { atEnd } from './at-end.mjs';
import { CACHE } from './paths.mjs';
import { findProgram, run } from './run.mjs';
import { SetUpError, say } from './say.mjs';

// This builds the file tree of an image from Debian packages, without debootstrap, chroot or root.
// apt finds and downloads everything that the packages need, as if nothing were installed. Each
// package is unpacked, and the results of the install scripts (a user list, a certificate bundle,
// /bin/sh) are made here.

/** Packages that neither the jobs of the tests nor the runner's own scripts need. */
const LEFT_OUT = /^(perl|perl-base|perl-modules|libperl|liberror-perl|git-man|dpkg|gcc-\d+-base)/;
const NOT_UNPACKED = ['doc', 'man', 'info', 'locale', 'lintian', 'bash-completion'];

export function canBuildTree() {
  return ['apt-get', 'dpkg-deb', 'tar'].every((name) => findProgram(name) !== undefined);
}

/**
 * Unpacks the packages and their dependencies below `directory`, except those that `leftOut`
 * matches. Returns the tree's path.
 */
export async function buildTree(directory, { packages, leftOut }) {
  const tree = join(directory, 'tree');
  const archives = (await download(directory, packages)).filter(
    (archive) => leftOut === undefined || !leftOut.test(basename(archive)),
  );
  await makeSkeleton(tree);
  for (const archive of archives) await unpack(archive, tree);
  await rm(directory + '/cache', { recursive: true });
  await finish(tree);
  return tree;
}

async function download(directory, packages) {
  const state = await (lists ??= readLists());
  const cache = join(directory, 'cache');
  await mkdir(join(cache, 'archives', 'partial'), { recursive: true });
  await writeFile(join(directory, 'status'), '');
  const options = aptOptions({ state, status: join(directory, 'status'), cache });
  const how = ['install', '-q', '-y', '--no-install-recommends', '--download-only'];
  await run('apt-get', [...options, ...how, ...packages]);
  const names = await readdir(join(cache, 'archives'));
  return names
    .filter((name) => name.endsWith('.deb') && !LEFT_OUT.test(name))
    .map((name) => join(cache, 'archives', name));
}

/** The package lists, which are read once for all trees of a script. */
let lists;

async function readLists() {
  await mkdir(CACHE, { recursive: true });
  const state = await mkdtemp(join(CACHE, 'apt-'));
  atEnd(() => rm(state, { recursive: true, force: true }));
  const status = join(state, 'status');
  const cache = join(state, 'cache');
  await mkdir(join(state, 'lists', 'partial'), { recursive: true });
  await mkdir(join(cache, 'archives', 'partial'), { recursive: true });
  await writeFile(status, '');
  // A failing package source for other software is no reason to stop.
  await run('apt-get', [...aptOptions({ state, status, cache }), 'update', '-q']).catch((error) =>
    say(error.message),
  );
  return state;
}

function aptOptions({ state, status, cache }) {
  return Object.entries({
    'Dir::State': state,
    'Dir::State::status': status,
    'Dir::Cache': cache,
    'Acquire::Languages': 'none',
    'APT::Sandbox::User': 'root',
    'Debug::NoLocking': '1',
  }).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
}

/**
 * Makes the directories. Programs and libraries are below /usr, whichever of the two places a
 * package names.
 */
async function makeSkeleton(tree) {
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
    await mkdir(join(tree, 'usr', name), { recursive: true });
    await symlink(`usr/${name}`, join(tree, name));
  }
}

function unpack(archive, tree) {
  const excludes = NOT_UNPACKED.map((name) => `--exclude=./usr/share/${name}/*`);
  return pipe(
    ['dpkg-deb', ['--fsys-tarfile', archive]],
    ['tar', ['-x', '-C', tree, '--keep-directory-symlink', '--no-same-owner', ...excludes]],
  );
}

function pipe([from, fromArgs], [to, toArgs]) {
  return new Promise((resolve, reject) => {
    const source = spawn(from, fromArgs, { stdio: ['ignore', 'pipe', 'inherit'] });
    const target = spawn(to, toArgs, { stdio: [source.stdout, 'ignore', 'inherit'] });
    // The target has its own copy of this end of the pipe, and the pipe ends with the last copy.
    source.stdout.destroy();
    const codes = [];
    const onClose = (code) => {
      if (codes.push(code) < 2) return;
      if (codes.every((each) => each === 0)) resolve();
      else reject(new SetUpError(`${from} ${fromArgs.join(' ')} | ${to}: exit codes ${codes}`));
    };
    for (const child of [source, target]) child.on('error', reject).on('close', onClose);
  });
}

async function finish(tree) {
  for (const name of ['dev', 'etc', 'home/user', 'proc', 'root', 'run', 'sys', 'tmp', 'var/tmp']) {
    await mkdir(join(tree, name), { recursive: true });
  }
  await chmod(join(tree, 'tmp'), 0o1777);
  await chmod(join(tree, 'var/tmp'), 0o1777);
  await writeFile(
    join(tree, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n' +
      'nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n',
  );
  await writeFile(join(tree, 'etc/group'), 'root:x:0:\nuser:x:1000:\nnogroup:x:65534:\n');
  await linkShell(tree);
  await bundleCertificates(tree);
}

async function linkShell(tree) {
  const bin = join(tree, 'usr/bin');
  if (existsSync(join(bin, 'dash'))) {
    await rm(join(bin, 'sh'), { force: true });
    await symlink('dash', join(bin, 'sh'));
  } else if (existsSync(join(bin, 'busybox'))) {
    const applets = (await run(join(bin, 'busybox'), ['--list'])).split('\n').filter(Boolean);
    for (const applet of applets) {
      if (applet !== 'busybox') await symlink('busybox', join(bin, applet));
    }
  }
  if (existsSync(join(bin, 'mawk'))) await symlink('mawk', join(bin, 'awk'));
}

async function bundleCertificates(tree) {
  const source = join(tree, 'usr/share/ca-certificates/mozilla');
  if (!existsSync(source)) return;
  const names = (await readdir(source)).filter((name) => name.endsWith('.crt')).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(source, name), 'utf8')));
  await mkdir(join(tree, 'etc/ssl/certs'), { recursive: true });
  await writeFile(join(tree, 'etc/ssl/certs/ca-certificates.crt'), texts.join(''));
}

/** Packs the tree as a tar stream in which root owns everything. */
export function packTree(tree) {
  const args = ['-c', '-C', tree, '--numeric-owner', '--owner=0', '--group=0', '.'];
  const child = spawn('tar', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  child.on('close', (code) => {
    if (code !== 0)
      child.stdout.destroy(new SetUpError(`tar ${args.join(' ')}: exit code ${code}`));
  });
  return child.stdout;
}
