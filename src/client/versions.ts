/**
 * Versions of a service side by side, as during a rolling deploy: each instance says by its `contract` meta which contract it
 * serves. A call keeps to the instances whose contract has its operation, and is put into the form of the one that is
 * chosen. What cannot be found out holds nothing up: then the request goes as the current contract has it.
 */
import type { OperationContract, ServiceContract } from '../core/contract.ts'
import type { Instance } from '../discovery/contract.ts'
import type { OutboundRequest, Tailoring } from './contract.ts'
import type { Contracts } from './contracts.ts'
import { encodeInput } from './encode.ts'

/** The parts of a request that a contract decides. */
export type Form = Pick<OutboundRequest, 'method' | 'path' | 'headers' | 'body' | 'idempotent'>

/** @throws SkeinError INVALID_INPUT */
function formOf(operation: OperationContract, input: unknown, headers: readonly string[]): Form {
  const { path, body } = encodeInput(operation, input)
  const type = body === undefined ? [] : ['content-type', 'application/json']
  const { method, idempotent } = operation
  return { method, path, body, idempotent, headers: [...type, 'accept', 'application/json', ...headers] }
}

export class Versions implements Tailoring {
  readonly #contracts: Contracts
  readonly #current: ServiceContract
  readonly #operation: string
  readonly #input: unknown
  /** The call's own fields. */
  readonly #headers: readonly string[]

  constructor(
    contracts: Contracts,
    current: ServiceContract,
    operation: string,
    input: unknown,
    headers: readonly string[],
  ) {
    this.#contracts = contracts
    this.#current = current
    this.#operation = operation
    this.#input = input
    this.#headers = headers
  }

  /** The request as the current contract has it. @throws SkeinError INVALID_INPUT */
  current(): Form {
    return this.#form(ownOperation(this.#current, this.#operation)!)
  }

  suits(hash: string | undefined): boolean {
    if (this.#isCurrent(hash)) return true
    const known = this.#contracts.known(this.#current.service, hash)
    return known === undefined || ownOperation(known, this.#operation) !== undefined
  }

  tailor({ meta: { contract: hash } }: Instance): Promise<Form | undefined> | undefined {
    return this.#isCurrent(hash) ? undefined : this.#formFor(hash)
  }

  async #formFor(hash: string): Promise<Form | undefined> {
    const contract = await this.#contracts.version(this.#current.service, hash)
    const operation = contract && ownOperation(contract, this.#operation)
    return operation && this.#form(operation)
  }

  #form(operation: OperationContract): Form {
    return formOf(operation, this.#input, this.#headers)
  }

  /** Those that say nothing are taken for current: apps of other frameworks, or of other languages. */
  #isCurrent(hash: string | undefined): hash is undefined {
    return hash === undefined || hash === this.#current.hash
  }
}

export function ownOperation({ operations }: ServiceContract, name: string): OperationContract | undefined {
  return Object.hasOwn(operations, name) ? operations[name] : undefined
}
