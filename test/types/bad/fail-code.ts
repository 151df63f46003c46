import { op } from 'skein'

export const get = op({ errors: { NotFound: 404 } }, (_, ctx) =>
  // TS2345: Argument of type '"NotFond"' is not assignable to parameter of type '"NotFound"'
  ctx.fail('NotFond'),
)
