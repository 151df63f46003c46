"""Runs a Flask app as an instance of a service: registered with a Consul registry while it serves.

Nothing here is Skein's own: python3-consul2 speaks Consul's HTTP API, and the environment says where things are.
PORT is the port to listen on; SKEIN_REGISTRY or CONSUL_HTTP_ADDR the registry; SKEIN_SERVICE and SKEIN_INSTANCE, which
`skein up` sets, the names of the service and of this instance.
"""

import logging
import os
import random
import signal
import threading
import time
from urllib.parse import urlsplit

import consul
from werkzeug.serving import make_server

HOST = '127.0.0.1'
# After deregistration, callers may choose this instance until they have heard of it.
DRAIN_SECONDS = 1


def registry():
    """A client of the registry: of several addresses, separated by commas, the first that answers."""
    given = os.environ.get('SKEIN_REGISTRY') or os.environ.get('CONSUL_HTTP_ADDR') or '127.0.0.1:8500'
    addresses = given.split(',')
    for address in addresses[:-1]:
        client = client_of(address)
        try:
            client.status.leader()
            return client
        except (consul.ConsulException, OSError):
            continue
    return client_of(addresses[-1])


def client_of(address):
    address = address.strip()
    url = urlsplit(address if '://' in address else f'http://{address}')
    token = os.environ.get('SKEIN_REGISTRY_TOKEN') or os.environ.get('CONSUL_HTTP_TOKEN')
    return consul.Consul(host=url.hostname, port=url.port or 8500, scheme=url.scheme, token=token)


def instances(service):
    """Base URLs of the healthy instances of a service, in random order."""
    _, entries = registry().health.service(service, passing=True)
    random.shuffle(entries)
    return [f"http://{e['Service']['Address'] or e['Node']['Address']}:{e['Service']['Port']}" for e in entries]


def serve(app, default_name):
    """Listens, then registers, then serves; on SIGTERM or Ctrl-C it deregisters, then drains, then closes."""
    name = os.environ.get('SKEIN_SERVICE', default_name)
    app.add_url_rule('/health/ready', 'ready', lambda: {'status': 'ready'})
    server = make_server(HOST, int(os.environ.get('PORT', '0')), app, threaded=True)
    logging.getLogger('werkzeug').setLevel(logging.WARNING)  # or each health check is a line
    server.daemon_threads = False  # closing waits for requests under way
    instance = os.environ.get('SKEIN_INSTANCE', f'{name}-{server.server_port}')

    def leave(*_):
        threading.Thread(target=drain, args=(server, instance)).start()

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
    register(name, instance, server.server_port)
    print(f'{instance} listens on http://{HOST}:{server.server_port}', flush=True)
    server.serve_forever()
    server.server_close()


def register(name, instance, port):
    check = consul.Check.http(f'http://{HOST}:{port}/health/ready', '1s', timeout='1s', deregister='1m')
    check['status'] = 'passing'  # it listens already
    if not registry().agent.service.register(name, instance, address=HOST, port=port, check=check):
        raise SystemExit(f'{instance}: the registry refused the registration')


def drain(server, instance):
    try:
        registry().agent.service.deregister(instance)
        time.sleep(DRAIN_SECONDS)
    except (consul.ConsulException, OSError) as error:
        print(f'{instance}: not deregistered, its check will fail instead: {error}', flush=True)
    server.shutdown()
