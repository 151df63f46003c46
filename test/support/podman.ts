/**
 * Containers without a registry of images: an engine with a store of its own, and an image under the name of Node's, put together from
 * what this machine runs. Needs root, and a kernel that lets it make containers.
 */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { findProgram, needsProgram, type Skip } from './needs.ts'
import { type Run, run } from './up.ts'

/** Program → Debian package. */
const PROGRAMS = {
  ...{ podman: 'podman', runc: 'runc', busybox: 'busybox-static' },
  ...{ iptables: 'iptables', netavark: 'netavark', 'aardvark-dns': 'aardvark-dns' },
}
const LIMIT = 4096

/** A reason to skip, also where the programs are there and the system lets nobody make containers. */
export function needsContainers(): Skip {
  const absent = Object.entries(PROGRAMS).map(([name, from]) => needsProgram(name, from))
  const reason = absent.find((skip) => skip !== false)
  if (reason !== undefined) return reason
  if (process.getuid?.() !== 0) return 'containers are made as root here'
  const dir = mkdtempSync(path.join(tmpdir(), 'skein-overlay-'))
  const overlay = 'cd "$1" && mkdir l u w m && mount -t overlay overlay -o lowerdir=l,upperdir=u,workdir=w m'
  const namespaces = ['--mount', '--pid', '--net', '--uts', '--ipc', '--fork']
  const { status, stderr } = spawnSync('unshare', [...namespaces, 'sh', '-c', overlay, 'sh', dir], { encoding: 'utf8' })
  rmSync(dir, { recursive: true })
  return status === 0 ? emptyContainer() : `no containers can be made here: ${stderr.trim()}`
}

/** Why the engine cannot run a container that does nothing, on a network of its own: that is the machine's affair, not Skein's. */
function emptyContainer(): Skip {
  const dir = mkdtempSync(path.join(tmpdir(), 'skein-engine-'))
  const env = { ...process.env, ...configure(dir) }
  const ask = (...args: string[]) => spawnSync('podman', args, { env, encoding: 'utf8', timeout: 60_000 })
  const steps = [
    ['tar', '-C', path.dirname(findProgram('busybox')!), '-cf', path.join(dir, 'empty.tar'), 'busybox'],
    ['import', '-q', path.join(dir, 'empty.tar'), 'empty'],
    ['network', 'create', 'empty'],
    ['run', '--rm', '--network', 'empty', 'empty', '/busybox', 'true'],
  ]
  try {
    for (const [first, ...rest] of steps) {
      const { status, stderr } = first === 'tar' ? spawnSync(first, rest, { encoding: 'utf8' }) : ask(first!, ...rest)
      if (status !== 0) return `podman ${first} does not work here: ${stderr.trim()}`
    }
    return false
  } finally {
    ask('network', 'rm', '-f', 'empty')
    rmSync(dir, { recursive: true, force: true })
  }
}

export interface Engine {
  /** @throws Error with what it printed, unless it ends with 0. */
  podman(...args: string[]): Promise<string>
  attempt(...args: string[]): Promise<Run>
  /** Builds the image `name` of `dir` with its Dockerfile as it is. */
  build(dir: string, name: string): Promise<void>
  remove(): Promise<void>
}

/** Everything lies in `dir`. It has the image node:26-slim with the Node that runs this. */
export async function openEngine(dir: string): Promise<Engine> {
  const env = { ...process.env, ...configure(dir) }
  const attempt = (program: string, args: readonly string[]) => run(program, args, dir, env)
  const must = async (program: string, args: readonly string[]) => {
    const { code, stdout, stderr } = await attempt(program, args)
    if (code !== 0) throw new Error(`${program} ${args[0]}: ${stdout}${stderr}`)
    return stdout
  }
  const base = path.join(dir, 'base')
  await makeBase(base, must)
  const tar = path.join(dir, 'base.tar')
  await must('tar', ['-C', base, '-cf', tar, '.'])
  await must('podman', ['import', '-q', '-c', 'ENV PATH=/usr/local/bin:/bin', tar, 'docker.io/library/node:26-slim'])
  return {
    podman: (...args) => must('podman', args),
    attempt: (...args) => attempt('podman', args),
    build: async (context, name) => {
      const { file, authority } = await npmrc(dir, must)
      const trusted = authority === undefined ? [] : ['--volume', `${authority}:${authority}:ro`]
      const reach = ['--network', 'host', '--isolation', 'chroot', ...trusted, '--secret', `id=npmrc,src=${file}`]
      await must('podman', ['build', '-q', '--layers=false', ...reach, '-t', name, context])
    },
    remove: async () => {
      await attempt('podman', ['rm', '-af', '-t', '0'])
      await attempt('podman', ['volume', 'rm', '-af'])
      await attempt('podman', ['network', 'prune', '-f'])
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

type Must = (program: string, args: readonly string[]) => Promise<string>

/** A store of its own. Limits that may be set without the right to raise them, as a machine may keep that to itself. */
function configure(dir: string): Record<string, string> {
  const storage = `[storage]\ndriver = "overlay"\ngraphroot = "${dir}/store"\nrunroot = "${dir}/run"\n`
  const containers = `[containers]
default_ulimits = ["nofile=${LIMIT}:${LIMIT}", "nproc=${LIMIT}:${LIMIT}"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
network_config_dir = "${dir}/networks"
`
  mkdirSync(path.join(dir, 'networks'), { recursive: true })
  writeFileSync(path.join(dir, 'storage.conf'), storage)
  writeFileSync(path.join(dir, 'containers.conf'), containers)
  return {
    CONTAINERS_STORAGE_CONF: path.join(dir, 'storage.conf'),
    CONTAINERS_CONF: path.join(dir, 'containers.conf'),
  }
}

/** What the official image has and this needs: Node, npm, a shell, and the user `node`. */
async function makeBase(base: string, must: Must): Promise<void> {
  for (const folder of ['bin', 'usr/bin', 'usr/local/bin', 'usr/local/lib', 'etc', 'root', 'home/node', 'tmp'])
    mkdirSync(path.join(base, folder), { recursive: true })
  chmodSync(path.join(base, 'tmp'), 0o1777)
  copyFileSync(findProgram('busybox')!, path.join(base, 'bin/busybox'))
  for (const applet of ['sh', 'mkdir', 'chown', 'id']) symlinkSync('busybox', path.join(base, 'bin', applet))
  symlinkSync('/bin/busybox', path.join(base, 'usr/bin/env'))
  writeFileSync(path.join(base, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n')
  writeFileSync(path.join(base, 'etc/group'), 'root:x:0:\nnode:x:1000:\n')
  const libraries = (await must('ldd', [process.execPath])).matchAll(/(\/\S+) \(0x/g)
  for (const [, library] of libraries) {
    mkdirSync(path.dirname(path.join(base, library!)), { recursive: true })
    copyFileSync(library!, path.join(base, library!))
  }
  copyFileSync(process.execPath, path.join(base, 'usr/local/bin/node'))
  // npm/bin/npm-cli.js
  const npm = path.dirname(path.dirname(realpathSync(findProgram('npm')!)))
  cpSync(npm, path.join(base, 'usr/local/lib/npm'), { recursive: true, dereference: true })
  symlinkSync('../lib/npm/bin/npm-cli.js', path.join(base, 'usr/local/bin/npm'))
}

/** How npm reaches its registry on this machine, as one file; with the authority that it trusts, which stays where it is. */
async function npmrc(dir: string, must: Must): Promise<{ file: string; authority: string | undefined }> {
  const get = async (key: string) => (await must('npm', ['config', 'get', key])).trim()
  const files = [await get('globalconfig'), await get('userconfig')].filter((file) => existsSync(file))
  const own = await get('cafile')
  const authority = own === 'null' ? process.env['NODE_EXTRA_CA_CERTS'] : own
  const lines = [...files.map((file) => readFileSync(file, 'utf8')), `registry=${await get('registry')}`]
  if (authority !== undefined) lines.push(`cafile=${authority}`)
  const file = path.join(dir, 'npmrc')
  writeFileSync(file, lines.join('\n'), { mode: 0o600 })
  return { file, authority }
}
