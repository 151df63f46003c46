/** Puts the request into the form that the chosen instance understands, where versions run side by side. */
import type { Call, Layer } from '../call.ts'
import type { OutboundRequest } from '../contract.ts'

export const tailor: Layer = (_, next) => (call) => {
  const { request, attempt } = call
  const asked = request.tailoring?.tailor(attempt.candidate!.instance)
  return asked === undefined ? next(call) : tailored(call, asked).then(() => next(call))
}

/** Waits for the form, which may have to be looked up; the call's end ends it. */
async function tailored(call: Call, asked: Promise<Partial<OutboundRequest> | undefined>): Promise<void> {
  const { promise: over, reject } = Promise.withResolvers<never>()
  const forget = call.cancel.on(reject)
  try {
    const form = await Promise.race([asked, over])
    if (form !== undefined) call.attempt.tailored = { ...call.request, ...form }
  } finally {
    forget()
  }
}
