/**
 * The token that etcd gives for user and password. etcd forgets tokens (five minutes unused, a restart, a change of
 * rights), so whoever is told that his is none asks for a new one.
 */
import type { EtcdAccess } from './access.ts'
import { EtcdError } from './contract.ts'

/** Sends a call and gives its answer; rejects with EtcdError. */
export type SendCall = (path: string, body: unknown) => Promise<unknown>

export class Login {
  readonly #access: EtcdAccess
  /** Calls that need it at the same time share one. */
  #token: Promise<string | undefined> | undefined

  constructor(access: EtcdAccess) {
    this.#access = access
  }

  /** Undefined where nobody is to be logged in. */
  async token(send: SendCall): Promise<string | undefined> {
    const { user: name, password } = this.#access
    if (name === undefined) return undefined
    this.#token ??= ask(name, password ?? '', send)
    const asked = this.#token
    try {
      return await asked
    } catch (error) {
      if (this.#token === asked) this.#token = undefined
      throw error
    }
  }

  forget(): void {
    this.#token = undefined
  }
}

async function ask(name: string, password: string, send: SendCall): Promise<string | undefined> {
  try {
    const { token } = (await send('auth/authenticate', { name, password })) as { token?: string }
    return token
  } catch (error) {
    // Whoever asks for authentication where there is none yet may turn it on later: then a call is refused, and asked again.
    if (error instanceof EtcdError && /authentication is not enabled/.test(error.message)) return undefined
    throw error
  }
}
