import { fleet } from 'skein'

export default fleet({
  services: { users: { entry: './users.ts' } },
  // TS2322: Type '"user"' is not assignable to type '"users"'
  gateway: { routes: [{ path: '/user/*', to: 'user' }] },
})
