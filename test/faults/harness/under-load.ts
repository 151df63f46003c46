/** Three instances behind a gateway, called all the time: where most faults of instances begin. */
import { type Load, startLoad } from '../../support/load.ts'
import type { FaultContext } from './contract.ts'
import { type Stage, startStage } from './stage.ts'

export async function startUnderLoad(context: FaultContext): Promise<{ stage: Stage; load: Load }> {
  const stage = await startStage(context)
  const ratePerSecond = context.pick({ ci: 300, normal: 2000, long: 2000 })
  return { stage, load: startLoad({ url: `${stage.url}/echo`, ratePerSecond }) }
}
