import { fleet } from 'skein'

export default fleet({
  services: { users: { entry: './users.ts' } },
  // TS2561: 'user' does not exist
  gateway: { routes: [{ path: '/user/*', split: { to: { users: 9, user: 1 } } }] },
})
