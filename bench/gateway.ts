/**
 * What forwarding costs, beside the peers: `npm run bench -- gateway [options]` (`--help` lists them). Exit status 0 also
 * when goals are lost: this measures, it does not judge the machine.
 */
import { runScript } from '../scripts/run-script.ts'
import { freePort } from '../src/core/free-port.ts'
import { CASES, type GatewayCase } from './gateway/cases.ts'
import { measure, type Stand } from './gateway/measure.ts'
import type { Measurement, Sample } from './harness/contract.ts'
import { type Options, readOptions } from './harness/options.ts'
import { jsonLine, judge, median, table } from './harness/report.ts'
import { type Origin, openStage, type Stage } from './harness/stage.ts'
import type { Peer } from './peer/contract.ts'
import { PEERS } from './peer/peers.ts'

/** JIT compilers and pools get as much before the first round; a run of less is a try. */
const WARM_UP_SECONDS = 2

async function main(): Promise<void> {
  const options = readOptions('gateway', CASES, PEERS)
  if (options === undefined) return
  const stage = await openStage()
  const end = () => void stage.close().then(() => process.exit(130))
  process.once('SIGINT', end).once('SIGTERM', end)
  try {
    for (const one of CASES.filter(({ name }) => options.cases?.includes(name) ?? true)) {
      const measurements = await runCase(one, stage, options)
      if (options.json) for (const line of measurements) console.log(jsonLine(line, measurements))
      else console.log(`${table(one, measurements, judge(one, measurements, isNode))}\n`)
    }
  } finally {
    await stage.close()
  }
}

const isNode = (name: string) => PEERS.find((peer) => peer.name === name)?.node ?? false

/** A peer that cannot be started or measured says why in its line; the others go on. */
async function runCase(one: GatewayCase, stage: Stage, options: Options): Promise<Measurement[]> {
  const peers = PEERS.filter(({ name }) => options.peers?.includes(name) ?? true)
  const reasons = new Map(peers.map((peer) => [peer, whyNot(peer, one)]))
  const samples = new Map<Peer, Sample[]>(peers.map((peer) => [peer, []]))
  const stands = new Map<Peer, Stand>()
  const attempt = async (peer: Peer, what: string, act: () => Promise<unknown>) => {
    if (reasons.get(peer) !== undefined) return
    console.error(`${one.name}: ${peer.name}: ${what}`)
    await act().catch((error: Error) => reasons.set(peer, error.message))
  }
  const begin = async (peer: Peer) => {
    stands.set(peer, await stand(peer, one, stage))
    if (one.method.tool !== 'idle') await measure(one, stands.get(peer)!, Math.min(WARM_UP_SECONDS, options.seconds))
  }
  try {
    for (const peer of peers) await attempt(peer, 'start', () => begin(peer))
    // One round after the other over all peers: what else the machine does hits all alike.
    for (let round = 1; round <= options.rounds; round++) {
      const add = async (peer: Peer) => samples.get(peer)!.push(await measure(one, stands.get(peer)!, options.seconds))
      for (const peer of peers) await attempt(peer, `round ${round} of ${options.rounds}`, () => add(peer))
    }
  } finally {
    for (const { running } of stands.values()) await running.close()
  }
  return peers.map((peer) => {
    const missing = reasons.get(peer)
    const result = missing === undefined ? median(samples.get(peer)!) : { missing }
    return { bench: 'gateway', case: one.name, peer: peer.name, result }
  })
}

const NEEDS = { http: 'no HTTP', tls: 'no TLS in front', h2c: 'no HTTP/2 in front' } as const

function whyNot(peer: Peer, { front, origin, method }: GatewayCase): string | undefined {
  if (!peer.fronts.includes(front)) return `not supported: ${NEEDS[front]}`
  if (peer.name === 'moleculer-web' && (origin !== 'nginx' || method.path !== '/small'))
    return 'not supported: small GETs only'
  return peer.missing()
}

async function stand(peer: Peer, { front, origin }: GatewayCase, stage: Stage): Promise<Stand> {
  const { port: originPort, service } = await originOf(origin, stage)
  const { registry, cert, key } = stage
  const setting = {
    ...{ dir: stage.folder(peer.name), front, port: await freePort(), originPort, service, registry, cert, key },
  }
  return { setting, running: await peer.start(setting) }
}

function originOf(origin: GatewayCase['origin'], stage: Stage): Promise<Origin> | Origin {
  if (origin === 'nginx') return stage.nginx
  return origin === 'skein-service' ? stage.skeinService() : stage.skeinService(1)
}

await runScript('npm run bench -- gateway', main)
