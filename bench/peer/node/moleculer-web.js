// `service <ports>` is the node with the service, `<port> <ports>` the gateway's: two processes, as with the other peers.
import { ServiceBroker } from 'moleculer'
import ApiGateway from 'moleculer-web'

const BODY = { id: '7', name: 'Ada Lovelace', email: 'ada@example.com' }

const ports = JSON.parse(process.argv[3])
const nodeID = process.argv[2] === 'service' ? 'service' : 'gateway'
const broker = new ServiceBroker({
  nodeID,
  logger: false,
  metrics: false,
  transporter: {
    type: 'TCP',
    options: {
      udpDiscovery: false,
      port: ports[nodeID],
      urls: Object.entries(ports).map(([name, port]) => `127.0.0.1:${port}/${name}`),
    },
  },
})

if (nodeID === 'service') {
  broker.createService({ name: 'origin', actions: { small: () => BODY } })
  await broker.start()
} else {
  broker.createService({
    mixins: [ApiGateway],
    settings: {
      port: Number(process.argv[2]),
      ip: '127.0.0.1',
      routes: [{ path: '/', aliases: { 'GET small': 'origin.small' } }],
    },
  })
  await broker.start()
  await broker.waitForServices('origin')
}
