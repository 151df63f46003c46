/** The process under measurement: `child.ts <call> <setting as JSON>`, then an order by IPC for each round. */
import { CALLS } from './calls.ts'
import type { MakeCall, Order, Outcome, Setting } from './contract.ts'

const [name, text] = process.argv.slice(2)
const setting = JSON.parse(text!) as Setting
const call = await (CALLS[name!]!.make as MakeCall)(setting)
JSON.stringify(await call()) // a call that does not work is no figure
process.on('message', (order: Order) => void measure(order).then((outcome) => process.send!(outcome)))
process.once('disconnect', () => process.exit())
process.send!('ready')

async function measure({ inFlight, seconds }: Order): Promise<Outcome> {
  const times: number[] = []
  const began = performance.now()
  const end = began + seconds * 1000
  const cpu = process.cpuUsage()
  const worker = async () => {
    for (let now = performance.now(); now < end; ) {
      await call()
      const then = now
      now = performance.now()
      times.push(now - then)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
  const { user, system } = process.cpuUsage(cpu)
  const took = (performance.now() - began) / 1000
  const sorted = Float64Array.from(times).sort()
  const at = (share: number) => sorted[Math.floor(sorted.length * share)]!
  return { calls: sorted.length, seconds: took, cpuUs: user + system, p50Ms: at(0.5), p99Ms: at(0.99) }
}
