/** /v1/txn: several reads and writes of keys and of the catalog, all or none of them. */
import type { Rights } from '../acl/contract.ts'
import { isSeen, requireOperation } from '../acl/require-txn.ts'
import { Sight } from '../acl/sight.ts'
import type { CheckInput, Register, TxnError, TxnOperation, TxnResult } from '../state/commands.ts'
import { decide } from '../state/decide.ts'
import { Refusal } from '../state/refusal.ts'
import type { State } from '../state/state.ts'
import type { TxnOutcome } from '../store.ts'
import { CHECK, catalogCheck, catalogService, nodeBody, refuseOwnNode, SERVICE } from './catalog-write.ts'
import { decodeBody, int, list, object, string } from './decode.ts'
import { STRING_MAP } from './definition.ts'
import { Encoded, encodeJson } from './encoded.ts'
import type { Answer, ApiRequest, Endpoint, Registry } from './endpoint.ts'
import { showPair } from './kv.ts'
import { showCheck, showNode, showNodeService } from './present.ts'
import { catchUp, checkCommon, filteredHeader } from './read.ts'
import { base64, keepDigits, uint64 } from './wide.ts'

export const TXN: readonly Endpoint[] = [{ path: '/v1/txn', PUT: transact }]

const OPERATIONS_MAX = 128
const BODY_MAX = 512 * 1024

const KV = object({ Verb: string, Key: string, Value: base64, Flags: uint64, Index: int, Session: string })
const NODE = object({
  Verb: string,
  Node: object({
    ...{ ID: string, Node: string, Address: string, Datacenter: string },
    ...{ TaggedAddresses: STRING_MAP, Meta: STRING_MAP, CreateIndex: int, ModifyIndex: int },
  }),
})
const OPERATION = object({
  KV,
  Node: NODE,
  Service: object({ Verb: string, Node: string, Service: SERVICE }),
  Check: object({ Verb: string, Check: CHECK }),
})
const OPERATIONS = list(OPERATION, 'api.TxnOps')
type Input = ReturnType<typeof OPERATION>

async function transact(request: ApiRequest, registry: Registry): Promise<Answer> {
  const mode = checkCommon(request, registry)
  const inputs = decodeOperations(await request.body(BODY_MAX, tooLarge))
  if (inputs.length > OPERATIONS_MAX) {
    throw new Refusal(413, `Transaction contains too many operations (${inputs.length} > ${OPERATIONS_MAX})`)
  }
  const { rights } = request
  const { operations, errors } = convertAll(inputs, registry, rights)
  const reading = !inputs.some(isWrite)
  if (errors.length > 0) return answer(request, { results: [], errors }, reading, registry)
  // Once more: what is there may have changed since, and with it whose it is.
  const judge = (state: State) => {
    for (const one of operations) requireOperation(request.rights, state, one)
  }
  if (!reading) return answer(request, await registry.store.transact(operations, judge), reading, registry)
  await catchUp(registry, mode, 0)
  const { results = [], errors: failed = [] } = decide(registry.store.state, { type: 'txn', operations })
  return answer(request, { results, errors: failed }, reading, registry)
}

function tooLarge(bytes: number): string {
  return (
    `Request body(${bytes} bytes) too large, max size: ${BODY_MAX} bytes. ` +
    'See https://www.consul.io/docs/agent/options.html#txn_max_req_len.'
  )
}

function decodeOperations(body: Buffer): Input[] {
  try {
    return decodeBody(body, OPERATIONS, keepDigits('flags'))
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    throw new Refusal(400, error.message.replace(/^Request decode failed/, 'Failed to parse body'))
  }
}

const KV_WRITES = new Set(['set', 'cas', 'lock', 'unlock', 'delete', 'delete-tree', 'delete-cas'])

/** An unknown verb of a key counts as a read, one of the catalog as a write: so it does in Consul. */
function isWrite({ KV: kv, Node, Service, Check }: Input): boolean {
  if (kv !== undefined) return KV_WRITES.has(kv.Verb ?? '')
  const entry = Node ?? Service ?? Check
  return entry !== undefined && entry.Verb !== 'get'
}

function convertAll(inputs: readonly Input[], registry: Registry, rights: Rights) {
  const operations: TxnOperation[] = []
  const errors: TxnError[] = []
  for (const [i, input] of inputs.entries()) {
    try {
      const converted = convert(input)
      for (const operation of converted) refuseOperation(operation, registry, rights)
      operations.push(...converted)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      errors.push({ OpIndex: i, What: error.message })
    }
  }
  return { operations, errors }
}

/** One, or none for an operation that is about nothing. */
function convert(input: Input): TxnOperation[] {
  if (input.KV !== undefined) return [convertKv(input.KV)]
  const operation = convertNode(input) ?? convertService(input) ?? convertCheck(input)
  return operation === undefined ? [] : [operation]
}

function refuseOperation(operation: TxnOperation, registry: Registry, rights: Rights): void {
  requireOperation(rights, registry.store.state, operation)
  if (operation.kind !== 'kv' && operation.verb !== 'get') refuseOwnNode(registry, operation.node)
}

function convertKv({
  Verb = '',
  Key = '',
  Value = '',
  Flags = '0',
  Index = 0,
  Session = '',
}: ReturnType<typeof KV>): TxnOperation {
  return { kind: 'kv', verb: Verb, key: Key, value: Value, flags: Flags, index: Index, session: Session.toLowerCase() }
}

const isSet = (verb: string) => verb === 'set' || verb === 'cas'

function convertNode({ Node: input }: Input) {
  if (input === undefined) return undefined
  const { Verb: verb = '', Node: given = {} } = input
  const { Node: name = '', ID: id = '', Address = '', ModifyIndex: index = 0 } = given
  if (name === '' && verb !== 'get') throw new Refusal(409, 'Must provide node')
  const node = nodeBody({ ...given, NodeMeta: given.Meta ?? {} }, name, Address)
  const register = isSet(verb) ? registration({ node, skipNodeUpdate: false }) : undefined
  return { kind: 'node' as const, verb, node: name, id, index, register }
}

function convertService({ Service: input }: Input) {
  if (input === undefined) return undefined
  const { Verb: verb = '', Node: node = '', Service: given = {} } = input
  const { ID = '', Service = '', ModifyIndex: index = 0 } = given
  const service = isSet(verb) ? catalogService(given) : undefined
  const register = service && registration({ node: unknownNode(node), service })
  return { kind: 'service' as const, verb, node, id: ID || Service, index, register }
}

function convertCheck({ Check: input }: Input) {
  if (input === undefined) return undefined
  const { Verb: verb = '', Check: given = {} } = input
  const { Node: node = '', CheckID = '', Name = '', ModifyIndex: index = 0 } = given
  const check: CheckInput | undefined = isSet(verb) ? catalogCheck(given) : undefined
  const register = check && registration({ node: unknownNode(node), checks: [check] })
  return { kind: 'check' as const, verb, node, id: CheckID || Name, index, register }
}

/** Only to say which node: the record stays as it is. */
const unknownNode = (name: string) => nodeBody({}, name, '')

function registration(parts: Pick<Register, 'node'> & Partial<Register>): Register {
  return { type: 'register', skipNodeUpdate: true, checks: [], keepStatus: false, replaceChecks: false, ...parts }
}

/** What only reads says so by the fields and headers of a query, but has no index. */
function answer(
  request: ApiRequest,
  { results, errors }: TxnOutcome,
  reading: boolean,
  { datacenter }: Registry,
): Answer {
  const sight = new Sight(request.rights)
  const seen = results.filter((result) => isSeen(result, sight))
  const shown = errors.length > 0 ? 'null' : `[${seen.map((result) => show(result, datacenter)).join(',')}]`
  const query = reading ? ',"Index":0,"LastContact":0,"KnownLeader":true,"ConsistencyLevel":""' : ''
  const headers = reading ? ['X-Consul-KnownLeader', 'true', 'X-Consul-LastContact', '0'] : []
  return {
    status: errors.length > 0 ? 409 : 200,
    headers: ['Content-Type', 'application/json', ...headers, ...filteredHeader(request, sight.isPartial)],
    body: new Encoded(`{"Results":${shown},"Errors":${errors.length > 0 ? encodeJson(errors) : 'null'}${query}}`),
  }
}

function show(result: TxnResult, datacenter: string): string {
  switch (result.kind) {
    case 'kv':
      return `{"KV":${showPair(result.valued ? result.record : { ...result.record, Value: '' })}}`
    case 'node':
      return encodeJson({ Node: showNode(result.record, datacenter) })
    case 'service':
      return encodeJson({ Service: showNodeService(result.record) })
    case 'check':
      return encodeJson({ Check: showCheck(result.record) })
  }
}
