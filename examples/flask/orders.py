"""GET /order/<id>: the order with its user, whom another service knows."""

import json
import os
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from flask import Flask, abort, request

from registered import instances, serve

app = Flask(__name__)

# The users may as well come from a service in TypeScript: the API is the same.
USERS_SERVICE = os.environ.get('USERS_SERVICE', 'flask-users')
TIMEOUT_SECONDS = 2
# What belongs to the call rather than to one hop: the trace goes on.
PASSED_ON = ('traceparent', 'tracestate', 'x-request-id')

ORDERS = {
    '1': {'id': '1', 'userId': '1', 'item': 'snake', 'quantity': 1},
    '2': {'id': '2', 'userId': '2', 'item': 'substitute', 'quantity': 2},
}


@app.get('/order/<id>')
def order(id):
    found = ORDERS.get(id) or abort(404, f'no order {id}')
    return {**found, 'user': ask(USERS_SERVICE, f"/user/{found['userId']}")}


def ask(service, path):
    """GET from one healthy instance of a service; the next one when the connection fails."""
    headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
    for base in instances(service):
        try:
            with urlopen(Request(base + path, headers=headers), timeout=TIMEOUT_SECONDS) as answer:
                return json.load(answer)
        except HTTPError as error:
            abort(502, f'{service} answered {error.code}')
        except OSError as error:
            app.logger.warning('%s at %s: %s', service, base, error)
    abort(503, f'no instance of {service} answers')


if __name__ == '__main__':
    serve(app, 'flask-orders')
