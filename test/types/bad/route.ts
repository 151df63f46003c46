import { op } from 'skein'

// TS2322: Type '"GTE /user"' is not assignable to type
export const get = op({ route: 'GTE /user' }, () => 1)
