/** Maintenance is a critical check of its own, so that everything that looks at health steers clear (C12). */
import type { CheckInput } from '../state/commands.ts'

export const NODE_MAINTENANCE = '_node_maintenance'
export const serviceMaintenanceId = (serviceId: string) => `_service_maintenance:${serviceId}`

export function isMaintenance(checkId: string): boolean {
  return checkId === NODE_MAINTENANCE || checkId.startsWith('_service_maintenance:')
}

/** The names are what Spring Cloud looks for. `serviceId` is '' for the node. */
export function maintenanceCheck(checkId: string, serviceId: string, reason: string | undefined): CheckInput {
  const what = serviceId === '' ? 'node' : 'service'
  return {
    CheckID: checkId,
    Name: serviceId === '' ? 'Node Maintenance Mode' : 'Service Maintenance Mode',
    Status: 'critical',
    Notes:
      reason || `Maintenance mode is enabled for this ${what}, but no reason was provided. This is a default message.`,
    Output: '',
    ServiceID: serviceId,
    Type: 'maintenance',
    Interval: '',
    Timeout: '',
    Definition: {},
  }
}
