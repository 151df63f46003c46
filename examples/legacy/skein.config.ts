import { fleet } from 'skein'

export default fleet({
  services: {
    users: { entry: '../shop/users/service.ts', instances: 2 },
    greetings: { command: ['node', '--import', 'skein/register', 'app.js'], instances: 2 },
  },
  gateway: {
    port: 8080,
    routes: [
      { path: '/user/*', to: 'users' },
      { path: '/greeting/*', to: 'greetings' },
    ],
  },
})
