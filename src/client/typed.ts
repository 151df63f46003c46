/**
 * Typed calls without generated code. The caller imports the *type* of the other service; method and path come at run time
 * from the contract which that service publishes in the registry.
 *
 *     import type users from '../users/service.ts'
 *     const usersClient = client<typeof users>('users')
 *     const user = await usersClient.get({ id: '7' })
 */
import type { ErrorStatuses, OperationType, ServiceContract, ServiceType } from '../core/contract.ts'
import { SkeinError } from '../core/errors.ts'
import { nearest } from '../core/issues.ts'
import type { ConsulClient } from '../discovery/consul-client.ts'
import { CallError } from './call-error.ts'
import type { Caller, CallPolicy } from './contract.ts'
import { Contracts } from './contracts.ts'
import { decodeAnswer } from './decode.ts'
import { defaultCaller, defaultConsul } from './default.ts'
import { contractUntold } from './failure.ts'
import { type Fallback, type FallbackParts, withFallback } from './fallback.ts'
import { inTime } from './in-time.ts'
import { DEFAULTS } from './policy.ts'
import { ownOperation, Versions } from './versions.ts'

export interface ClientOptions extends FallbackParts {
  /** Default: the process's own. */
  readonly caller?: Caller | undefined
  /** Where contracts are looked up. Default: the process's own. */
  readonly consul?: ConsulClient | undefined
  readonly policy?: CallPolicy | undefined
}

/** What to answer instead, by operation, when the service cannot. */
export type Fallbacks<S extends ServiceType> = {
  readonly [Name in keyof S['~operations']]?: Fallback<S['~operations'][Name]['~in'], S['~operations'][Name]['~out']>
}

export interface CallOptions<Out = unknown> {
  /**
   * What to answer instead when the service cannot: it is away, too slow, broken or overloaded. Not asked after a declared error,
   * which is an answer, nor where this side was wrong or gave up. What it throws, the call throws.
   */
  readonly fallback?: ((error: SkeinError) => Out | Promise<Out>) | undefined
  /** Cancels the call. */
  readonly signal?: AbortSignal | undefined
  /** Until the head of the answer, ms. Default: the client's policy. */
  readonly deadlineMs?: number | undefined
  /** The text a hash policy hashes. */
  readonly hashKey?: string | undefined
  /** What is different for this call; what it says nothing of is as in the client's. */
  readonly policy?: CallPolicy | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/**
 * One operation of another service. An operation without input may be called with nothing.
 * @throws CallError for an error that the service declared (see `isCallError`), SkeinError for every other.
 */
export interface Operation<O extends OperationType> {
  (
    ...args: undefined extends O['~in']
      ? [input?: O['~in'], options?: CallOptions<O['~out']>]
      : [input: O['~in'], options?: CallOptions<O['~out']>]
  ): Promise<O['~out']>
  /** Only a type: the names of the declared errors. */
  readonly '~errors'?: O['~errors'] | undefined
}

export type Client<S extends ServiceType> = {
  readonly [Name in keyof S['~operations']]: Operation<S['~operations'][Name]>
}

/** A client of the service `name`, which must be the name in the type `S`. It loads nothing and connects to nothing yet. */
export function client<S extends ServiceType>(
  name: S['name'],
  { fallback, ...options }: ClientOptions & { readonly fallback?: Fallbacks<S> | undefined } = {},
): Client<S> {
  const fallbacks = (fallback ?? {}) as Readonly<Record<string, Fallback | undefined>>
  const operations = new Map<string, (input: unknown, own?: CallOptions) => Promise<unknown>>()
  const operation = (key: string) => {
    let call = operations.get(key)
    if (call === undefined) {
      const wider = Object.hasOwn(fallbacks, key) ? fallbacks[key] : undefined
      call = (input, own) => {
        const answer = callOperation(name, key, input, own === undefined ? options : joined(options, own))
        const instead = own?.fallback ?? (wider && ((error) => wider(input, error)))
        return instead === undefined
          ? answer
          : withFallback(answer, instead, { service: name, operation: key }, options)
      }
      operations.set(key, call)
    }
    return call
  }
  // Only a proxy can have operations that are known as types alone. A client in an `await` must not look like a promise.
  return new Proxy({} as Client<S>, {
    get: (_, key) => (typeof key === 'string' && key !== 'then' ? operation(key) : undefined),
  })
}

function joined(options: ClientOptions, own: CallOptions): ClientOptions & CallOptions {
  const policy = own.policy === undefined ? options.policy : { ...options.policy, ...own.policy }
  return { ...options, ...own, policy }
}

/** True when `error` is one which `operation` declared: its `code` has the type of the declared names. */
export function isCallError<Errors extends ErrorStatuses>(
  error: unknown,
  _operation: { readonly '~errors'?: Errors | undefined },
): error is CallError<Extract<keyof Errors, string>> {
  return error instanceof CallError
}

/**
 * Calls an operation by name, without types: what `skein call` does.
 * @throws CallError for a declared error; SkeinError UNKNOWN_CONTRACT, UNKNOWN_OPERATION, INVALID_INPUT, and those of `Caller`.
 */
export function callOperation(
  service: string,
  operation: string,
  input: unknown,
  options: ClientOptions & CallOptions = {},
): Promise<unknown> {
  try {
    const contracts = contractsOf(options.consul ?? defaultConsul())
    const known = contracts.current(service)
    const has = known !== undefined && ownOperation(known, operation) !== undefined
    // Nearly always known; and then the call goes out in this turn, without a promise for what is there.
    const asked = { service, operation, input, options }
    if (has) return callBy(known, contracts, asked)
    const bounds = { service, deadlineMs: deadlineOf(options), signal: options.signal, late: contractUntold }
    return inTime(contractWith(contracts, service, operation), bounds, contracts.clock).then(({ value, waitedMs }) =>
      callBy(value, contracts, asked, waitedMs),
    )
  } catch (error) {
    return Promise.reject(error)
  }
}

const NO_HEADERS: readonly string[] = []

interface Asked {
  readonly service: string
  readonly operation: string
  readonly input: unknown
  readonly options: ClientOptions & CallOptions
}

/** @throws SkeinError INVALID_INPUT */
function callBy(
  contract: ServiceContract,
  contracts: Contracts,
  asked: Asked,
  waitedMs?: number | undefined,
): Promise<unknown> {
  const { service, operation, input, options } = asked
  const { caller = defaultCaller(), headers, signal, hashKey } = options
  const own = headers === undefined ? NO_HEADERS : Object.entries(headers).flat()
  const tailoring = new Versions(contracts, contract, operation, input, own)
  const { method, path, headers: fields, body, idempotent } = tailoring.current()
  const policy = policyOf(options)
  return caller
    .request({
      service,
      method,
      path,
      headers: fields,
      body,
      idempotent,
      operation,
      hashKey,
      signal,
      policy,
      waitedMs,
      tailoring,
    })
    .then((response) => decodeAnswer(service, operation, response))
    .catch((error) => {
      if (outdated(error)) contracts.refresh(service)
      throw error
    })
}

function deadlineOf({ policy, deadlineMs }: ClientOptions & CallOptions): number {
  return deadlineMs ?? policy?.deadlineMs ?? DEFAULTS.deadlineMs
}

/** Those of clients and calls that say nothing, and so nearly all: resolved once. */
const usual = new WeakMap<CallPolicy, CallPolicy>()
const NO_POLICY: CallPolicy = {}

/** JSON is wanted whole, so silence in the middle of it is borne no longer than silence before it. */
function policyOf({ policy = NO_POLICY, deadlineMs }: ClientOptions & CallOptions): CallPolicy {
  if (deadlineMs !== undefined) return forJson(policy, deadlineMs)
  let made = usual.get(policy)
  if (made === undefined) {
    made = forJson(policy, policy.deadlineMs)
    usual.set(policy, made)
  }
  return made
}

function forJson(policy: CallPolicy, deadlineMs: number | undefined): CallPolicy {
  return { ...policy, deadlineMs, bodyIdleMs: policy.bodyIdleMs ?? deadlineMs ?? DEFAULTS.deadlineMs }
}

/** One store for each registry client, so that all typed clients share what was read. */
const stores = new WeakMap<ConsulClient, Contracts>()

function contractsOf(consul: ConsulClient): Contracts {
  let contracts = stores.get(consul)
  if (contracts === undefined) {
    contracts = new Contracts(consul)
    stores.set(consul, contracts)
  }
  return contracts
}

/**
 * The contract to call by. An operation that the known one lacks may have been published since, or belong to a version that
 * runs beside the current one: both are looked for before the call is refused.
 */
async function contractWith(contracts: Contracts, service: string, operation: string): Promise<ServiceContract> {
  const has = (contract: ServiceContract) => ownOperation(contract, operation) !== undefined
  const known = await contracts.get(service)
  if (has(known)) return known
  const found = [await contracts.read(service), ...(await contracts.versions(service))].find(has)
  if (found !== undefined) return found
  const names = Object.keys((await contracts.get(service)).operations)
  const meant = nearest(operation, names)
  const hint = meant === undefined ? '' : ` Did you mean "${meant}"?`
  throw new SkeinError(
    'UNKNOWN_OPERATION',
    `service "${service}" has no operation "${operation}".${hint} It has: ${names.join(', ')}`,
    { service, operation, operations: names },
  )
}

/** The service knows the operation no longer, or by another path. */
function outdated(error: unknown): boolean {
  return error instanceof SkeinError && ['UNKNOWN_OPERATION', 'NOT_FOUND', 'METHOD_NOT_ALLOWED'].includes(error.code)
}
