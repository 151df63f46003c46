/** Asks a port whether someone answers: one connection per question, as any client would, and nothing is kept open. */
import { request } from 'node:http'
import { connect } from 'node:net'
import type { Clock } from '../../core/clock.ts'
import type { Address } from '../host.ts'

export function askHttp(address: Address, path: string, timeoutMs: number, clock: Clock): Promise<number | undefined> {
  const answered = new Promise<number | undefined>((resolve) => {
    const asked = request({ ...address, path, agent: false, headers: { connection: 'close' } }, (response) => {
      response.resume()
      answer(response.statusCode)
    })
    const timer = clock.after(timeoutMs, () => answer(undefined))
    asked.on('error', () => answer(undefined)) // refused or broken off: that is the answer
    asked.end()
    function answer(status: number | undefined) {
      timer.cancel()
      asked.destroy()
      resolve(status)
    }
  })
  return answered.catch(() => undefined) // a port or path that is none: there nobody answers
}

export function askTcp(address: Address, timeoutMs: number, clock: Clock): Promise<boolean> {
  const answered = new Promise<boolean>((resolve) => {
    const socket = connect(address, () => answer(true))
    const timer = clock.after(timeoutMs, () => answer(false))
    socket.on('error', () => answer(false))
    function answer(accepted: boolean) {
      timer.cancel()
      socket.destroy()
      resolve(accepted)
    }
  })
  return answered.catch(() => false) // as above
}
