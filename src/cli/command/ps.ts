/** `skein ps`: what runs. */
import type { RunInfo } from '../../control/runfile.ts'
import { systemClock } from '../../core/clock.ts'
import { SkeinError } from '../../core/errors.ts'
import { type Environment, registryToken } from '../../core/settings.ts'
import { ConsulClient } from '../../discovery/consul-client.ts'
import { type Context, defineCommand, type Options, refuseArguments } from '../command.ts'
import { listing, listingLines } from '../ps/listing.ts'
import { type RegisteredInstance, registeredInstances } from '../ps/registered.ts'
import { CONFIG_OPTION, withFleet } from '../running.ts'

const OPTIONS = { config: CONFIG_OPTION } as const satisfies Options

export default defineCommand({
  name: 'ps',
  usage: '[options]',
  description: `Lists every instance of the fleet that runs here: state, health as the registry sees it, port, pid, weight, restarts.
Instances that registered by themselves, on whatever machine, are listed below as "elsewhere". Below the table stands
why instances are down, and how many requests a second those refuse that have more to do than they can.`,
  options: OPTIONS,
  examples: [
    ['skein ps', 'what runs'],
    ['skein ps --json', 'the same as {instances, elsewhere, gateway, registry}'],
    ["skein ps --json | jq '.instances[] | {id, refusing}'", 'who refuses how much'],
    ["watch -n1 'skein ps'", 'again and again'],
  ],
  failure: 'no fleet runs here',
  run: ({ options, args, terminal, env, cwd }: Context<typeof OPTIONS>) => {
    refuseArguments(args)
    return withFleet(cwd, options.config, async (fleet, info) => {
      const instances = await fleet.instances()
      const registered = await registeredAt(info, env)
      const found = listing(instances, registered)
      if (terminal.wantsJson) terminal.json({ ...found, ...addresses(info) })
      else for (const line of listingLines(found, systemClock.now(), terminal.out.paint)) terminal.out.line(line)
      if (registered === undefined)
        terminal.err.line(`The registry ${info.registry} does not answer: no health is known.`)
      return 0
    })
  },
})

/** Undefined where the registry does not answer; what the fleet itself knows is shown all the same. */
async function registeredAt({ registry, token }: RunInfo, env: Environment): Promise<RegisteredInstance[] | undefined> {
  if (registry === undefined) return undefined
  const consul = new ConsulClient({ address: registry, token: token ?? registryToken(env) })
  try {
    return await registeredInstances(consul)
  } catch (error) {
    if (error instanceof SkeinError) return undefined
    throw error
  } finally {
    await consul.close()
  }
}

function addresses({ config, registry, gateway, admin }: RunInfo) {
  return { config, registry: { url: registry }, gateway: gateway === undefined ? null : { url: gateway, admin } }
}
