import { op } from 'skein'

export const get = op({}, (_, ctx) =>
  // TS2345: Argument of type '"NotFound"' is not assignable to parameter of type 'never'
  ctx.fail('NotFound'),
)
