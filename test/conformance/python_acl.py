"""Closes a registry by python3-consul2: tokens, policies and roles; prints what it was answered as one JSON object.

Argument: the registry's port.
"""

import json
import sys

import consul

port = int(sys.argv[1])
seen = {}


def client(token=None):
    return consul.Consul(host='127.0.0.1', port=port, token=token)


def refusal(act):
    try:
        return act()
    except consul.ConsulException as error:
        return type(error).__name__


anonymous = client()
made = anonymous.acl.bootstrap()
seen['bootstrap'] = [made['SecretID'] == made['ID'], made['Policies'][0]['Name']]
seen['bootstrap again'] = refusal(anonymous.acl.bootstrap)
master = client(made['SecretID'])

rules = 'service "web" { policy = "write" } service_prefix "" { policy = "read" } node_prefix "" { policy = "read" } key_prefix "web/" { policy = "write" }'
policy = master.acl.policy.create('web', description='d', rules=rules)
seen['policy'] = [policy['Name'], master.acl.policy.get(policy['ID'])['Rules'] == rules]
seen['policies'] = sorted(one['Name'] for one in master.acl.policy.list())
role = master.acl.roles.create({'Name': 'webs', 'Policies': [{'Name': 'web'}]})
seen['role'] = [role['Policies'][0]['Name'], master.acl.roles.get_by_name('webs')['ID'] == role['ID']]
token = master.acl.tokens.create({'Description': 'web', 'Roles': [{'Name': 'webs'}]})
seen['token'] = [token['Description'], master.acl.tokens.get(token['AccessorID'])['SecretID']]
seen['tokens'] = sorted(one['Description'] for one in master.acl.tokens.list())

web = client(token['SecretID'])
seen['self'] = web.acl.tokens.self()['AccessorID'] == token['AccessorID']
seen['registered'] = web.agent.service.register('web', 'web-1', port=80, check=consul.Check.ttl('30s'))
seen['beat'] = web.agent.check.ttl_pass('service:web-1')
seen['healthy'] = [entry['Service']['ID'] for entry in web.health.service('web', passing=True)[1]]
seen['of another name'] = refusal(lambda: web.agent.service.register('api', 'api-1'))
seen['keys'] = [web.kv.put('web/a', 'x'), refusal(lambda: web.kv.put('api/a', 'x')), web.kv.get('web/', keys=True)[1]]
seen['session'] = refusal(web.session.create)
seen['anonymous'] = [
    anonymous.catalog.services()[1],
    refusal(lambda: anonymous.kv.get('web/a')),
    refusal(lambda: anonymous.agent.service.deregister('web-1')),
]
seen['unknown'] = refusal(lambda: client('99999999-9999-9999-9999-999999999999').catalog.services())

seen['updated'] = master.acl.tokens.update({'Description': 'no more', 'AccessorID': token['AccessorID']}, token['AccessorID'])['Description']
seen['without rights'] = refusal(lambda: web.kv.put('web/a', 'y'))
clone = master.acl.tokens.clone(description='c', accessor_id=made['AccessorID'])
seen['clone'] = sorted(client(clone['SecretID']).catalog.services()[1])
seen['deleted'] = [
    master.acl.tokens.delete(token['AccessorID']),
    master.acl.roles.delete(role['ID']),
    master.acl.policy.delete(policy['ID']),
]
seen['after'] = refusal(lambda: web.kv.get('web/a'))
print(json.dumps(seen))
