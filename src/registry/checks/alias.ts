/**
 * Copies the state of another service or node. It sleeps until the store says that its target changed. What it finds is
 * reported again now and then, in case a report could not be stored. Aliases in a ring keep each other as they are.
 */
import type { Timer } from '../../core/clock.ts'
import type { CheckDefinition, CheckRecord } from '../state/records.ts'
import { onNode } from '../state/records.ts'
import { instanceResource, nodeChecksResource, nodeResource, serviceResource } from '../state/resources.ts'
import type { State } from '../state/state.ts'
import type { CheckResult, StartCheck } from './contract.ts'

const REPEAT_MS = 10_000

export const startAlias: StartCheck = (definition, _lastOutput, report, { clock, store, node }) => {
  const target = { node: definition.aliasNode ?? node, service: definition.aliasService ?? '' }
  let timer: Timer = clock.after(0, look)
  let forget = () => {}

  function look(): void {
    timer.cancel()
    forget()
    // Subscribed anew each time: the name of the service behind an ID may have changed.
    forget = store.hub.follow(resourcesOf(store.state, target), soon)
    timer = clock.after(REPEAT_MS, look)
    report(stateOf(store.state, target, definition))
  }

  /** Not at once: what changed is just being told to everybody, and many changes may come together. */
  function soon(): void {
    timer.cancel()
    timer = clock.after(0, look)
  }

  return {
    stop() {
      timer.cancel()
      forget()
    },
  }
}

interface Target {
  readonly node: string
  /** A service ID; '' = the node itself. */
  readonly service: string
}

function resourcesOf(state: State, { node, service }: Target): string[] {
  if (service === '') return [nodeResource(node), nodeChecksResource(node)]
  const name = state.services.get(onNode(node, service))?.Service
  return [instanceResource(node, service), ...(name === undefined ? [] : [serviceResource(name)])]
}

/** Critical before warning before passing; what is not there is critical. */
function stateOf(state: State, target: Target, definition: CheckDefinition): CheckResult {
  const { node, service } = target
  const known = service === '' ? state.nodes.has(node) : state.services.has(onNode(node, service))
  if (!known) {
    const what =
      service === '' ? `Node ${node} could not be found` : `Service ${service} could not be found on node ${node}`
    return { status: 'critical', output: what }
  }
  const own = service === '' ? [] : [...state.instanceChecks.get(onNode(node, service)).values()]
  const checks = [...state.nodeChecks.get(node).values(), ...own].filter((check) => !isSame(check, definition))
  const worst = checks.find(({ Status }) => Status === 'critical') ?? checks.find(({ Status }) => Status === 'warning')
  if (worst !== undefined) {
    return { status: worst.Status, output: `Aliased check ${JSON.stringify(worst.Name)} failing: ${worst.Output}` }
  }
  return { status: 'passing', output: checks.length === 0 ? 'No checks found.' : 'All checks passing.' }
}

/** The alias itself, where it stands on its own target: it would never leave a state again. */
function isSame(check: CheckRecord, { aliasNode, aliasService }: CheckDefinition): boolean {
  const { Type, definition } = check
  return Type === 'alias' && definition?.aliasNode === aliasNode && definition?.aliasService === aliasService
}
