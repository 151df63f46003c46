/** Ports are looked at before anything starts: a taken one is said once, with its owner and the way out. */
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { Failure } from '../command.ts'
import type { Plan, RegistryStart } from './plan.ts'
import { portOwner } from './port-owner.ts'

export interface WantedPort {
  readonly port: number
  readonly host: string
  /** Who wants it: `gateway`, `users`. */
  readonly who: string
  /** Where another can be chosen: `--port or gateway.port`. */
  readonly where: string
  /** It must be free for UDP, too. */
  readonly udp?: boolean
}

/** Every fixed port of the plan. */
export function wantedPorts({ registry, gateway, services }: Plan): WantedPort[] {
  const wanted: WantedPort[] = []
  if (registry.start !== undefined) {
    wanted.push({ ...registry.start, who: 'registry', where: '--registry-port or registry.port' })
    wanted.push(...dnsPort(registry.start))
  }
  if (gateway !== undefined) {
    const { port, host } = gateway.config
    wanted.push({ port, host, who: 'gateway', where: '--port or gateway.port' })
  }
  for (const { name, port } of services) {
    if (port !== undefined) wanted.push({ port, host: '127.0.0.1', who: name, where: `services.${name}.port` })
  }
  return wanted
}

function dnsPort({ dnsPort: port }: RegistryStart): WantedPort[] {
  if (port === 'off') return []
  const where = "--dns-port or registry.dnsPort ('off' = none)"
  return [{ port, host: '127.0.0.1', who: 'DNS', where, udp: true }]
}

/** @throws Failure naming every port that cannot be had, who has it, and where to choose another. */
export async function refuseTakenPorts(wanted: readonly WantedPort[], file: string): Promise<void> {
  const refusals: string[] = []
  for (const one of wanted) {
    const refusal = await refusalOf(one, file)
    if (refusal !== undefined) refusals.push(refusal)
  }
  if (refusals.length > 0) throw new Failure(refusals.join('\n'), 'Nothing was started.')
}

async function refusalOf({ port, host, who, where, udp }: WantedPort, file: string): Promise<string | undefined> {
  const tcpCode = await tryListen(port, host)
  const code = tcpCode ?? (udp === true ? await tryBind(port, host) : undefined)
  if (code === undefined) return undefined
  const choose = `choose another with ${where} in ${file}`
  if (code === 'EACCES') return `port ${port} (${who}) needs rights that this user has not; ${choose}`
  if (code !== 'EADDRINUSE') return `port ${port} (${who}) on ${host}: ${code}; ${choose}`
  return `port ${port} (${who}) is taken by ${await portOwner(port, tcpCode === undefined ? 'udp' : 'tcp')}; ${choose}`
}

/** Says who has the port where listening failed for that; any other error comes back as it is. */
export async function explainListenError(error: unknown, who: string, where: string): Promise<unknown> {
  const { code, port, syscall } = error as NodeJS.ErrnoException & { port?: number }
  if (code !== 'EADDRINUSE' || port === undefined) return error
  const owner = await portOwner(port, syscall === 'bind' ? 'udp' : 'tcp')
  return new Failure(`port ${port} (${who}) is taken by ${owner}`, `Choose another with ${where}.`)
}

/** The error code of listening there, or undefined when it went well. */
function tryListen(port: number, host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
}

/** As tryListen, for UDP. */
function tryBind(port: number, address: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4')
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.close()
      resolve(error.code ?? error.message)
    })
    socket.bind({ port, address, exclusive: true }, () => socket.close(() => resolve(undefined)))
  })
}
