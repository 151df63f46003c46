/** Records in the shapes that clients read, field by field in Consul's order (modern: 1.20 – 1.22). */
import type { CheckRecord, NodeRecord, ServiceRecord } from '../state/records.ts'

const PROXY = { MeshGateway: {}, Expose: {} }

export function showNode(node: NodeRecord, datacenter: string) {
  return {
    ID: node.ID,
    Node: node.Node,
    Address: node.Address,
    Datacenter: datacenter,
    TaggedAddresses: node.TaggedAddresses,
    Meta: node.Meta,
    CreateIndex: node.CreateIndex,
    ModifyIndex: node.ModifyIndex,
  }
}

/** As in health/service and catalog/node. */
export function showNodeService(service: ServiceRecord) {
  return {
    ID: service.ID,
    Service: service.Service,
    Tags: service.Tags,
    Address: service.Address,
    TaggedAddresses: service.TaggedAddresses,
    Meta: service.Meta,
    Port: service.Port === 0 ? undefined : service.Port,
    SocketPath: service.SocketPath,
    Weights: service.Weights,
    EnableTagOverride: service.EnableTagOverride,
    Proxy: PROXY,
    Connect: {},
    PeerName: '',
    CreateIndex: service.CreateIndex,
    ModifyIndex: service.ModifyIndex,
  }
}

/** One flat row of catalog/service. */
export function showServiceNode(node: NodeRecord, service: ServiceRecord, datacenter: string) {
  return {
    ID: node.ID,
    Node: node.Node,
    Address: node.Address,
    Datacenter: datacenter,
    TaggedAddresses: node.TaggedAddresses,
    NodeMeta: node.Meta,
    ServiceKind: '',
    ServiceID: service.ID,
    ServiceName: service.Service,
    ServiceTags: service.Tags,
    ServiceAddress: service.Address,
    ServiceTaggedAddresses: service.TaggedAddresses,
    ServiceWeights: service.Weights,
    ServiceMeta: service.Meta,
    ServicePort: service.Port,
    ServiceSocketPath: service.SocketPath ?? '',
    ServiceEnableTagOverride: service.EnableTagOverride,
    ServiceProxy: PROXY,
    ServiceConnect: {},
    ServiceLocality: null,
    CreateIndex: service.CreateIndex,
    ModifyIndex: service.ModifyIndex,
  }
}

/** As in agent/services, agent/service and agent/health. */
export function showAgentService(service: ServiceRecord, datacenter: string) {
  return {
    ID: service.ID,
    Service: service.Service,
    Tags: service.Tags,
    Meta: service.Meta ?? {},
    Port: service.Port,
    Address: service.Address,
    SocketPath: service.SocketPath,
    TaggedAddresses: service.TaggedAddresses,
    Weights: service.Weights,
    EnableTagOverride: service.EnableTagOverride,
    Datacenter: datacenter,
  }
}

export function showCheck(check: CheckRecord) {
  return {
    Node: check.Node,
    CheckID: check.CheckID,
    Name: check.Name,
    Status: check.Status,
    Notes: check.Notes,
    Output: check.Output,
    ServiceID: check.ServiceID,
    ServiceName: check.ServiceName,
    ServiceTags: check.ServiceTags,
    Type: check.Type,
    Interval: check.Interval,
    Timeout: check.Timeout,
    ExposedPort: 0,
    Definition: check.Definition,
    CreateIndex: check.CreateIndex,
    ModifyIndex: check.ModifyIndex,
  }
}

/** agent/checks knows no indexes. */
export function showAgentCheck(check: CheckRecord) {
  return { ...showCheck(check), CreateIndex: 0, ModifyIndex: 0 }
}
