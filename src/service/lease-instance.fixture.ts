/** A service in a process of its own, to be killed. */

import { service } from './define.ts'
import { serve } from './serve.ts'

await serve(service('web', {}), { instance: process.env['SKEIN_INSTANCE'] })
