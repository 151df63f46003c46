import { fleet } from 'skein'

/** Debian's packages belong to Debian's Python; say which one where another is first on PATH. */
const python = process.env['PYTHON'] ?? 'python3'

export default fleet({
  services: {
    users: { entry: '../shop/users/service.ts', instances: 2 },
    orders: { entry: '../shop/orders/service.ts', instances: 2 },
    'flask-users': { command: [python, 'users.py'], instances: 2, health: '/health/ready' },
    'flask-orders': { command: [python, 'orders.py'], instances: 2, health: '/health/ready' },
  },
  gateway: {
    port: 8080,
    routes: [
      { host: 'flask.localhost', path: '/user/*', to: 'flask-users' },
      { host: 'flask.localhost', path: '/order/*', to: 'flask-orders' },
      { path: '/user/*', to: 'users' },
      { path: '/order/*', to: 'orders' },
    ],
  },
})
