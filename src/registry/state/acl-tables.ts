import type { BootstrapRecord, PolicyRecord, RoleRecord, TokenRecord } from './records.ts'

export class AclTables {
  /** By AccessorID. */
  readonly tokens = new Map<string, TokenRecord>()
  /** Hash of the secret → AccessorID. */
  readonly secrets = new Map<string, string>()
  readonly policies = new Map<string, PolicyRecord>()
  /** Name in lower case → ID. */
  readonly policyNames = new Map<string, string>()
  readonly roles = new Map<string, RoleRecord>()
  readonly roleNames = new Map<string, string>()
  /** At most one. */
  readonly bootstraps = new Map<string, BootstrapRecord>()

  policyNamed(name: string): PolicyRecord | undefined {
    return this.policies.get(this.policyNames.get(name.toLowerCase()) ?? '')
  }

  roleNamed(name: string): RoleRecord | undefined {
    return this.roles.get(this.roleNames.get(name.toLowerCase()) ?? '')
  }
}
