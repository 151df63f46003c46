"""Uses a registry by python3-consul2 as a Python service would; prints what it was answered as one JSON object.

Arguments: the registry's port, and the port of an HTTP server that answers every check with 200.
"""

import base64
import json
import sys
import threading

import consul

registry_port, checked_port = int(sys.argv[1]), int(sys.argv[2])
c = consul.Consul(host='127.0.0.1', port=registry_port)
seen = {}


def healthy(service, index=None, wait='10s'):
    index, entries = c.health.service(service, passing=True, index=index, wait=wait if index else None)
    return index, sorted(e['Service']['ID'] for e in entries)


def until_healthy(service, count):
    """Follows the service by blocking queries, as watchers do, until it has `count` healthy instances."""
    index, ids = healthy(service)
    while len(ids) != count:
        index, ids = healthy(service, index)
    return index, ids


# Register: one instance with an HTTP check, which begins as critical and passes when it was run, one with a TTL check.
http = consul.Check.http(f'http://127.0.0.1:{checked_port}/health', '1s', timeout='10s', deregister='1m')
seen['registered'] = [
    c.agent.service.register('web', 'web-1', address='127.0.0.1', port=8001, tags=['a'], meta={'v': '1'}, check=http),
    c.agent.service.register('web', 'web-2', address='127.0.0.2', port=8002, check=consul.Check.ttl('30s')),
]
seen['ttl before'] = next(n['Status'] for n in c.health.checks('web')[1] if n['ServiceID'] == 'web-2')
seen['beat'] = c.agent.check.ttl_pass('service:web-2', 'fine')
index, seen['healthy'] = until_healthy('web', 2)

# Discover.
entry = next(e for e in c.health.service('web')[1] if e['Service']['ID'] == 'web-1')
seen['service'] = {key: entry['Service'][key] for key in ('Service', 'Address', 'Port', 'Tags', 'Meta')}
seen['by tag'] = [e['Service']['ID'] for e in c.health.service('web', tag='a')[1]]
seen['catalog'] = sorted(s['ServiceID'] for s in c.catalog.service('web')[1])
seen['services'] = {name: tags for name, tags in c.catalog.services()[1].items() if name == 'web'}
seen['agent'] = sorted(id for id, service in c.agent.services().items() if service['Service'] == 'web')

# Watch: a query that blocks at the index just seen comes back when another thread changes something.
change = threading.Timer(0.2, lambda: c.agent.check.ttl_fail('service:web-2', 'broken'))
change.start()
after, ids = healthy('web', index)
seen['after failure'] = {'later': int(after) > int(index), 'healthy': ids}
change.join()
change = threading.Timer(0.2, lambda: c.agent.service.deregister('web-1'))
change.start()
after2, ids = healthy('web', after)
seen['after deregistration'] = {'later': int(after2) > int(after), 'healthy': ids}
change.join()

# Maintenance.
c.agent.check.ttl_pass('service:web-2')
until_healthy('web', 1)
c.agent.service.maintenance('web-2', True, 'by hand')
seen['in maintenance'] = until_healthy('web', 0)[1]
c.agent.service.maintenance('web-2', False)
seen['back'] = until_healthy('web', 1)[1]

# KV: write, read, compare and set, list, block, delete.
c.kv.put('app/name', 'Ä value'.encode())
index, pair = c.kv.get('app/name')
seen['kv'] = {'value': pair['Value'].decode(), 'absent': c.kv.get('app/none')[1]}
seen['cas'] = [c.kv.put('app/name', 'b', cas=pair['ModifyIndex']), c.kv.put('app/name', 'c', cas=pair['ModifyIndex'])]
seen['cas 0'] = [c.kv.put('app/new', '', cas=0), c.kv.put('app/new', '', cas=0)]
seen['keys'] = c.kv.get('app/', keys=True)[1]
seen['recurse'] = {p['Key']: (p['Value'] or b'').decode() for p in c.kv.get('app/', recurse=True)[1]}
index, _ = c.kv.get('app/name')
change = threading.Timer(0.2, lambda: c.kv.put('app/name', 'changed'))
change.start()
seen['kv watch'] = c.kv.get('app/name', index=index, wait='10s')[1]['Value'].decode()
change.join()
c.kv.delete('app/', recurse=True)
seen['deleted'] = c.kv.get('app/', recurse=True)[1]

# Sessions and locks: hold, be refused, renew, lose the lock with the session.
first, second = c.session.create('first', ttl=10, lock_delay=0), c.session.create('second', behavior='delete', lock_delay=0)
seen['acquire'] = [c.kv.put('lock', '1', acquire=first), c.kv.put('lock', '2', acquire=second)]
index, pair = c.kv.get('lock')
seen['holder'] = {'first': pair['Session'] == first, 'LockIndex': pair['LockIndex'], 'TTL': c.session.renew(first)['TTL']}
node = c.agent.self()['Config']['NodeName']
seen['sessions'] = [len(c.session.list()[1]), len(c.session.node(node)[1])]
change = threading.Timer(0.2, lambda: c.session.destroy(first))
change.start()
seen['lock watch'] = 'Session' in c.kv.get('lock', index=index, wait='10s')[1]
change.join()
seen['next'] = c.kv.put('lock', '2', acquire=second)
seen['released'] = [c.kv.put('lock', '3', release=first), c.kv.put('lock', '3', release=second)]
c.kv.put('lock', '4', acquire=second)
c.session.destroy(second)
seen['deleted with it'] = c.kv.get('lock')[1]
seen['no session'] = c.session.info(first)[1]

# Transactions: all or none.
value = base64.b64encode(b'x').decode()
written = c.txn.put([{'KV': {'Verb': 'set', 'Key': f't/{i}', 'Value': value}} for i in range(2)])
seen['txn'] = [r['KV']['Key'] for r in written['Results']]

# Events.
seen['event'] = c.event.fire('deploy', 'v2')['Name']
seen['events'] = [e['Payload'] for e in c.event.list('deploy')[1]]

# Prepared queries.
query = c.query.create('web', name='best', onlypassing=True)['ID']
seen['query'] = [n['Service']['ID'] for n in c.query.execute('best')['Nodes']]
seen['queries'] = [q['Name'] for q in c.query.list()]
seen['query deleted'] = c.query.delete(query)

c.agent.service.deregister('web-2')
seen['gone'] = c.catalog.service('web')[1]
print(json.dumps(seen))
