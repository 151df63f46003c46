/** What an export cannot do, and so its user has to look after. */
import type { FleetConfig } from '../define.ts'
import { secretsOf } from './secrets.ts'

export function warningsOf({ services, registry = {}, gateway }: FleetConfig): string[] {
  const programs = Object.entries(services).filter(([, { command }]) => command !== undefined)
  const { variables, files } = gateway ? secretsOf(gateway) : { variables: [], files: [] }
  return [
    ...programs.map(
      ([name]) =>
        `${name} is a program: its image must have what it needs, and it must register itself, as nobody does it there`,
    ),
    ...(registry.acl === true
      ? ['registry.acl: in containers one token counts for all; others are made by skein consul acl']
      : []),
    ...(registry.address === undefined
      ? []
      : [`the registry runs elsewhere: ${registry.address} must be reachable from containers`]),
    ...(gateway && gateway.tls !== undefined
      ? ['gateway.tls: the certificates must be in the image, or in a volume']
      : []),
    ...(variables.length > 0
      ? [`the gateway is given ${variables.join(', ')} from the environment of docker compose`]
      : []),
    ...files.map((file) => `the gateway reads ${file}: it must be in its container`),
  ]
}
