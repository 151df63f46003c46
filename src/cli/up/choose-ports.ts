/** Ports that are known only when `skein up` starts: those of the command line, and free ones where 0 was written. */
import { freePort } from '../../core/free-port.ts'
import type { FleetConfig } from '../define.ts'
import { readDnsPort } from '../dns-port.ts'
import type { PortChoice } from './plan.ts'

export interface GivenPorts {
  readonly port?: number | undefined
  readonly 'registry-port'?: number | undefined
  readonly 'dns-port'?: string | undefined
}

/** A free one is looked for here, not by whoever listens: the others have to know it. @throws UsageError */
export async function choosePorts(given: GivenPorts, { gateway = false }: FleetConfig): Promise<PortChoice> {
  const chosen = async <T>(port: T | number) => (port === 0 ? await freePort() : port)
  const configured = gateway !== false && gateway.port === 0 ? 0 : undefined
  const dns = readDnsPort(given['dns-port']) ?? (given['registry-port'] === 0 ? 0 : undefined)
  return {
    gateway: await chosen(given.port ?? configured),
    registry: await chosen(given['registry-port']),
    dns: await chosen(dns),
    admin: gateway === false ? undefined : await freePort(),
  }
}
