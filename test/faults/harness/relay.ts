/** A service that asks another one: SKEIN_SERVICE asks RELAY_TO, and passes the answer on. */
import { adaptHandler } from '../../../src/service/adapt/index.ts'

const next = process.env['RELAY_TO']!

export default adaptHandler(process.env['RELAY_NAME']!, async (_request, response) => {
  try {
    const { defaultCaller } = await import('../../../src/client/default.ts')
    const answer = await defaultCaller().request({ service: next, method: 'GET', path: '/work', headers: [] })
    response.statusCode = answer.status
    answer.body.pipe(response)
  } catch (error) {
    response.statusCode = (error as { kind?: { status: number } }).kind?.status ?? 500
    response.end(String(error))
  }
})
