/** What stands behind the peers: nginx as a fast origin, a Skein service, and the registry that lists both. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { contractKey, type ServiceContract } from '../../src/core/contract.ts'
import { freePort } from '../../src/core/free-port.ts'
import { ConsulClient } from '../../src/discovery/consul-client.ts'
import { findProgram } from '../../test/support/needs.ts'
import { nginxMain } from '../peer/programs.ts'
import { SKEIN } from '../peer/skein.ts'
import { run, start } from './process.ts'

/** 64 bytes, as one small record is. */
const SMALL = JSON.stringify({ id: '7', name: 'Ada Lovelace', email: 'ada@example.com', v: 12345 })
const MEDIUM_BYTES = 10_240
const LARGE_BYTES = 1_048_576

export interface Origin {
  readonly port: number
  /** As which the registry lists it. */
  readonly service: string
}

export interface Stage {
  readonly dir: string
  readonly registry: string
  /** `/small`, `/medium`, `/large`, by any method; `/user/7` as the operation `get` of its contract. */
  readonly nginx: Origin
  readonly cert: string
  readonly key: string
  /** A Skein service that answers `GET /small` and serves so many requests of a connection side by side; started when first asked for. */
  skeinService(pipelining?: number): Promise<Origin>
  /** A new empty folder. */
  folder(name: string): string
  close(): Promise<void>
}

/** @throws Error that says how to install what lacks. */
export async function openStage(): Promise<Stage> {
  demand({ nginx: 'nginx', wrk: 'wrk', h2load: 'nghttp2-client', openssl: 'openssl' })
  const dir = mkdtempSync(path.join(tmpdir(), 'skein-bench-'))
  const ends: (() => unknown)[] = [() => rmSync(dir, { recursive: true, force: true })]
  const close = async () => {
    for (const end of ends.splice(0).reverse()) await end()
  }
  const folder = (name: string) => mkdtempSync(path.join(dir, `${name}-`))
  try {
    const registryPort = await freePort()
    const args = [SKEIN, 'registry', '--memory', '--port', `${registryPort}`, '--dns-port', 'off']
    const registry = await start(process.execPath, args, registryPort, { env: { SKEIN_LOG_LEVEL: 'warn' } })
    ends.push(registry.close)
    const registryUrl = `http://127.0.0.1:${registryPort}`
    const port = await freePort()
    ends.push((await startNginx(folder('origin'), port)).close)
    await register(registryUrl, 'origin', port)
    const services = new Map<number | undefined, Promise<Origin>>()
    const skeinService = (pipelining?: number) => {
      const started = services.get(pipelining)
      if (started !== undefined) return started
      const service = startService(folder('service'), registryUrl, pipelining, (end) => ends.push(end))
      services.set(pipelining, service)
      return service
    }
    return {
      ...(await makeCertificate(dir)),
      ...{ dir, registry: registryUrl, nginx: { port, service: 'origin' }, skeinService, folder, close },
    }
  } catch (error) {
    await close()
    throw error
  }
}

function demand(programs: Readonly<Record<string, string>>): void {
  const absent = Object.entries(programs).filter(([program]) => findProgram(program) === undefined)
  if (absent.length === 0) return
  const names = absent.map(([program]) => program).join(', ')
  throw new Error(`${names}: absent; install with: apt-get install ${absent.map(([, name]) => name).join(' ')}`)
}

function startNginx(dir: string, port: number) {
  const files = { small: SMALL, medium: 'm'.repeat(MEDIUM_BYTES), large: 'l'.repeat(LARGE_BYTES) }
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(dir, name), text)
  const server = `  server {
    listen 127.0.0.1:${port} backlog=4096;
    default_type application/json;
    client_body_buffer_size 64k;
    open_file_cache max=10;
    root ${dir};
    # Static files answer GET only: a POST, its body read, gets the same.
    error_page 405 =200 $uri;
    location = /small { return 200 '${SMALL}'; }
    location = /user/7 { return 200 '${SMALL}'; }
  }`
  writeFileSync(path.join(dir, 'nginx.conf'), nginxMain(dir, server))
  return start(findProgram('nginx')!, ['-e', 'stderr', '-p', dir, '-c', path.join(dir, 'nginx.conf')], port)
}

async function register(registry: string, name: string, port: number): Promise<void> {
  const consul = new ConsulClient({ address: registry })
  const record = { ID: `${name}-1`, Name: name, Address: '127.0.0.1', Port: port }
  const answer = await consul.put('/v1/agent/service/register', JSON.stringify(record))
  await consul.kvPut(contractKey(name), JSON.stringify(contractOf(name)))
  await consul.close()
  if (answer.status !== 200) throw new Error(`the registry refused the origin: ${answer.status} ${answer.text}`)
}

const contractOf = (service: string): ServiceContract => ({
  service,
  hash: '0'.repeat(16),
  operations: { get: { method: 'GET', path: '/user/:id', idempotent: true, errors: {} } },
})

async function startService(
  dir: string,
  registry: string,
  pipelining: number | undefined,
  onEnd: (end: () => unknown) => void,
): Promise<Origin> {
  const port = await freePort()
  const file = path.join(dir, 'service.ts')
  const kit = path.join(import.meta.dirname, '../../src/index.ts')
  const service = pipelining === undefined ? 'small' : `small-${pipelining}`
  writeFileSync(
    file,
    `import { op, service } from ${JSON.stringify(kit)}
export default service('${service}', { get: op({ route: 'GET /small' }, () => (${SMALL})) })
`,
  )
  const env = {
    ...{ SKEIN_REGISTRY: registry, SKEIN_PORT: `${port}`, SKEIN_LOG_LEVEL: 'warn' },
    ...(pipelining === undefined ? {} : { SKEIN_PIPELINING: `${pipelining}` }),
  }
  const running = await start(process.execPath, [SKEIN, 'run', file], port, { env, cwd: dir })
  onEnd(running.close)
  return { port, service }
}

async function makeCertificate(dir: string): Promise<{ cert: string; key: string }> {
  const [cert, key] = [path.join(dir, 'cert.pem'), path.join(dir, 'key.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-days', '2']
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  await run('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', cert, ...subject])
  return { cert, key }
}
