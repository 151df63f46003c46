/** Which fields a filter may name, by endpoint: those of the answer's objects. */

/** `strings` a list of strings, `map` string to string, `[fields]` a list of objects: any of them may match. */
export type Field = 'string' | 'int' | 'bool' | 'strings' | 'map' | Fields | readonly [Fields]
export interface Fields {
  readonly [name: string]: Field
}

const WEIGHTS: Fields = { Passing: 'int', Warning: 'int' }
const INDEXES: Fields = { CreateIndex: 'int', ModifyIndex: 'int' }

export const NODE_FIELDS: Fields = {
  ID: 'string',
  Node: 'string',
  Address: 'string',
  Datacenter: 'string',
  TaggedAddresses: 'map',
  Meta: 'map',
  ...INDEXES,
}

export const CHECK_FIELDS: Fields = {
  Node: 'string',
  CheckID: 'string',
  Name: 'string',
  Status: 'string',
  Notes: 'string',
  Output: 'string',
  ServiceID: 'string',
  ServiceName: 'string',
  ServiceTags: 'strings',
  Type: 'string',
  Interval: 'string',
  Timeout: 'string',
  ...INDEXES,
}

export const NODE_SERVICE_FIELDS: Fields = {
  ID: 'string',
  Service: 'string',
  Tags: 'strings',
  Address: 'string',
  Meta: 'map',
  Port: 'int',
  SocketPath: 'string',
  Weights: WEIGHTS,
  EnableTagOverride: 'bool',
  PeerName: 'string',
  ...INDEXES,
}

export const AGENT_SERVICE_FIELDS: Fields = { ...NODE_SERVICE_FIELDS, Datacenter: 'string' }

export const HEALTH_FIELDS: Fields = {
  Node: NODE_FIELDS,
  Service: NODE_SERVICE_FIELDS,
  Checks: [CHECK_FIELDS],
}

export const SERVICE_NODE_FIELDS: Fields = {
  ID: 'string',
  Node: 'string',
  Address: 'string',
  Datacenter: 'string',
  TaggedAddresses: 'map',
  NodeMeta: 'map',
  ServiceKind: 'string',
  ServiceID: 'string',
  ServiceName: 'string',
  ServiceTags: 'strings',
  ServiceAddress: 'string',
  ServiceMeta: 'map',
  ServicePort: 'int',
  ServiceWeights: WEIGHTS,
  ServiceEnableTagOverride: 'bool',
  ...INDEXES,
}
