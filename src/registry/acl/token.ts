/** Token records from secrets. */
import { hash, randomUUID } from 'node:crypto'
import type { TokenBody } from '../state/acl-records.ts'
import { MANAGEMENT_ID } from './contract.ts'

export const hashSecret = (secret: string) => hash('sha256', secret)

/** A token that grants nothing yet. */
export function newToken(AccessorID: string, secret: string, CreateTime: string): TokenBody {
  return {
    AccessorID,
    secretHash: hashSecret(secret),
    Description: '',
    Policies: [],
    Roles: [],
    ServiceIdentities: [],
    NodeIdentities: [],
    Local: false,
    CreateTime,
  }
}

/** One that may do everything. */
export function managementToken(secret: string, createTime: string): TokenBody {
  return { ...newToken(randomUUID(), secret, createTime), Policies: [MANAGEMENT_ID] }
}
