/** `skein ps`: what runs. */
import { systemClock } from '../../core/clock.ts'
import { SkeinError } from '../../core/errors.ts'
import { SETTINGS } from '../../core/settings.ts'
import { ConsulClient } from '../../discovery/consul-client.ts'
import type { Instance } from '../../discovery/contract.ts'
import { type Context, defineCommand, type Options } from '../command.ts'
import { listing, listingLines } from '../ps/listing.ts'
import { registeredInstances } from '../ps/registered.ts'
import { CONFIG_OPTION, withFleet } from '../running.ts'

const OPTIONS = { config: CONFIG_OPTION } as const satisfies Options

export default defineCommand({
  name: 'ps',
  usage: '[options]',
  description: `Lists every instance of the fleet that runs here: state, health as the registry sees it, port, pid, weight, restarts.
Instances that registered by themselves, on whatever machine, are listed below as "elsewhere".`,
  options: OPTIONS,
  examples: [
    ['skein ps', 'what runs'],
    ['skein ps --json', 'the same as {instances, elsewhere, gateway, registry}'],
    ["watch -n1 'skein ps'", 'again and again'],
  ],
  failure: 'no fleet runs here',
  run: ({ options, terminal, env, cwd }: Context<typeof OPTIONS>) =>
    withFleet(cwd, options.config, async (fleet, info) => {
      const instances = await fleet.instances()
      const consul = new ConsulClient({ address: info.registry.url, token: env[SETTINGS.token] })
      const registered = await orUndefined(registeredInstances(consul))
      await consul.close()
      const found = listing(instances, registered)
      if (terminal.wantsJson)
        terminal.json({ ...found, gateway: info.gateway, registry: info.registry, config: info.config })
      else for (const line of listingLines(found, systemClock.now(), terminal.out.paint)) terminal.out.line(line)
      if (registered === undefined)
        terminal.err.line(`The registry ${info.registry.url} does not answer: no health is known.`)
      return 0
    }),
})

/** The registry may be away; what the fleet itself knows is shown all the same. */
async function orUndefined(instances: Promise<Instance[]>): Promise<Instance[] | undefined> {
  try {
    return await instances
  } catch (error) {
    if (error instanceof SkeinError) return undefined
    throw error
  }
}
