/** The port of the registry's DNS interface, which may also be `off`. */
import { wholeNumber } from './args.ts'
import { UsageError } from './command.ts'

export type DnsPort = number | 'off'

/** Consul's. */
export const DEFAULT_DNS_PORT = 8600

/** The value of `--dns-port`; undefined when it is not given. @throws UsageError when it is neither a port nor `off`. */
export function readDnsPort(text: string | undefined): DnsPort | undefined {
  if (text === undefined || text === 'off') return text
  const port = wholeNumber(text, 65_535)
  if (port === undefined) throw new UsageError(`--dns-port wants a port, 0 to 65535, or off, not '${text}'`)
  return port
}
