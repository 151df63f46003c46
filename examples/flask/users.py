"""GET /user/<id>"""

from flask import Flask, abort

from registered import serve

app = Flask(__name__)

USERS = {
    '1': {'id': '1', 'name': 'Guido van Rossum', 'email': 'guido@example.com'},
    '2': {'id': '2', 'name': 'Barbara Liskov', 'email': 'barbara@example.com'},
}


@app.get('/user/<id>')
def user(id):
    return USERS.get(id) or abort(404, f'no user {id}')


if __name__ == '__main__':
    serve(app, 'flask-users')
