/** Ports are looked at before anything starts: a taken one is said once, with its owner and the way out. */
import { createServer } from 'node:net'
import { Failure } from '../command.ts'
import type { Plan } from './plan.ts'
import { portOwner } from './port-owner.ts'

export interface WantedPort {
  readonly port: number
  readonly host: string
  /** Who wants it: `gateway`, `users`. */
  readonly who: string
  /** Where another can be chosen: `--port or gateway.port`. */
  readonly where: string
}

/** A port that is free now. */
export function freePort(host = '127.0.0.1'): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, host, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

/** Every fixed port of the plan. */
export function wantedPorts({ registry, gateway, services }: Plan): WantedPort[] {
  const wanted: WantedPort[] = []
  if (registry.start !== undefined) {
    wanted.push({ ...registry.start, who: 'registry', where: '--registry-port or registry.port' })
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

/** @throws Failure naming every port that cannot be had, who has it, and where to choose another. */
export async function refuseTakenPorts(wanted: readonly WantedPort[], file: string): Promise<void> {
  const refusals: string[] = []
  for (const one of wanted) {
    const refusal = await refusalOf(one, file)
    if (refusal !== undefined) refusals.push(refusal)
  }
  if (refusals.length > 0) throw new Failure(refusals.join('\n'), 'Nothing was started.')
}

async function refusalOf({ port, host, who, where }: WantedPort, file: string): Promise<string | undefined> {
  const code = await tryListen(port, host)
  if (code === undefined) return undefined
  const choose = `choose another with ${where} in ${file}`
  if (code === 'EACCES') return `port ${port} (${who}) needs rights that this user has not; ${choose}`
  if (code !== 'EADDRINUSE') return `port ${port} (${who}) on ${host}: ${code}; ${choose}`
  return `port ${port} (${who}) is taken by ${await portOwner(port)}; ${choose}`
}

/** Says who has the port where listening failed for that; any other error comes back as it is. */
export async function explainListenError(error: unknown, who: string, where: string): Promise<unknown> {
  const { code, port } = error as NodeJS.ErrnoException & { port?: number }
  if (code !== 'EADDRINUSE' || port === undefined) return error
  return new Failure(`port ${port} (${who}) is taken by ${await portOwner(port)}`, `Choose another with ${where}.`)
}

/** The error code of listening there, or undefined when it went well. */
function tryListen(port: number, host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
}
