import { fleet } from 'skein'

export default fleet({
  services: {
    users: { entry: './users/service.ts', instances: 2 },
    orders: { entry: './orders/service.ts', instances: 3, weight: [5, 1, 1] },
  },
  gateway: {
    port: 8080,
    routes: [
      { path: '/user/*', to: 'users', balance: 'p2c' },
      { path: '/order/*', to: 'orders', balance: 'weighted-round-robin' },
    ],
  },
})
