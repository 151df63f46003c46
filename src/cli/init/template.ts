/** The project that `skein init` writes: file name → text. Its test validates and type-checks what stands here. */

/** `skein`: how the project depends on it, `^1.2.3`. */
export function projectFiles(name: string, skein: string): Record<string, string> {
  return {
    'package.json': packageJson(name, skein),
    'tsconfig.json': TSCONFIG,
    '.gitignore': 'node_modules/\n.skein/\n.env\n',
    'skein.config.ts': CONFIG,
    'users/service.ts': USERS,
    'greeter/service.ts': GREETER,
    'greeter/service.test.ts': GREETER_TEST,
    'README.md': readme(name),
  }
}

function packageJson(name: string, skein: string): string {
  const content = {
    name,
    version: '0.0.0',
    private: true,
    type: 'module',
    engines: { node: '>=24' },
    scripts: { start: 'skein up', check: 'skein validate && tsc', test: 'node --test' },
    dependencies: { skein, zod: '^4.0.0' },
    devDependencies: { '@types/node': '^26.0.0', typescript: '^7.0.0' },
  }
  return `${JSON.stringify(content, null, 2)}\n`
}

/** Node runs the sources by stripping types, so the compiler only checks, and refuses what stripping cannot do. */
const TSCONFIG = `{
  "compilerOptions": {
    "target": "es2024",
    "lib": ["es2025"],
    "module": "nodenext",
    "types": ["node"],
    "strict": true,
    "noEmit": true,
    "skipLibCheck": true,
    "allowImportingTsExtensions": true,
    "erasableSyntaxOnly": true,
    "verbatimModuleSyntax": true
  },
  "exclude": ["node_modules"]
}
`

const CONFIG = `// What runs, and what the edge lets in.
import { fleet } from 'skein'

export default fleet({
  services: {
    users: { entry: './users/service.ts', instances: 2 },
    greeter: { entry: './greeter/service.ts', instances: 2 },
  },
  gateway: {
    port: 8080,
    routes: [
      { path: '/user/*', to: 'users' },
      { path: '/hello/*', to: 'greeter', balance: 'round-robin' },
    ],
  },
})
`

const USERS = `import { op, service } from 'skein'
import * as z from 'zod'

const User = z.object({ id: z.string(), name: z.string() })

const users = new Map([
  ['1', { id: '1', name: 'Ada' }],
  ['2', { id: '2', name: 'Grace' }],
])

export default service('users', {
  get: op(
    { route: 'GET /user/:id', in: z.object({ id: z.string() }), out: User, errors: { NotFound: 404 } },
    async ({ id }, ctx) => users.get(id) ?? ctx.fail('NotFound'),
  ),
})
`

const GREETER = `import { client, isCallError, op, service } from 'skein'
import * as z from 'zod'
import type users from '../users/service.ts' // a type: none of the other service's code is loaded

const usersClient = client<typeof users>('users') // typed, discovered, balanced, retried, traced
const Input = z.object({ id: z.string() })
const Greeting = z.object({ message: z.string() })

export default service('greeter', {
  hello: op(
    { route: 'GET /hello/:id', in: Input, out: Greeting, errors: { NobodyThere: 404 } },
    async ({ id }, ctx) => {
      try {
        const user = await usersClient.get({ id })
        return { message: \`Hello, \${user.name}!\` }
      } catch (error) {
        if (isCallError(error, usersClient.get) && error.code === 'NotFound') return ctx.fail('NobodyThere')
        throw error
      }
    },
  ),
})
`

const GREETER_TEST = `import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { client, closeDefaults, type RunningService, serve } from 'skein'
import { type RunningRegistry, startRegistry } from 'skein/registry'
import users from '../users/service.ts'
import greeter from './service.ts'

const greeterClient = client<typeof greeter>('greeter')
let registry: RunningRegistry
let running: RunningService[]

before(async () => {
  registry = await startRegistry({ port: 0 }) // in memory, on a free port
  process.env['SKEIN_REGISTRY'] = registry.url
  process.env['SKEIN_LOG_LEVEL'] = 'warn'
  running = await Promise.all([serve(users), serve(greeter)])
})

after(async () => {
  for (const service of running) await service.close()
  await closeDefaults() // the clients' connections
  await registry.close()
})

test('greets a user by name', async () => {
  assert.deepEqual(await greeterClient.hello({ id: '1' }), { message: 'Hello, Ada!' })
})

test('says so when there is nobody', async () => {
  await assert.rejects(greeterClient.hello({ id: '9' }), { code: 'NobodyThere', status: 404 })
})
`

function readme(name: string): string {
  return `# ${name}

Two services on Skein: \`users\` knows people, \`greeter\` asks it and says hello.

\`\`\`sh
npm install
npx skein up                        # registry, gateway, two instances of each service
\`\`\`

In a second terminal:

\`\`\`sh
curl localhost:8080/user/1
curl localhost:8080/hello/1         # greeter calls users
npx skein ps                        # what runs, where, how it is
npx skein scale greeter=4           # while traffic goes on
npx skein call greeter.hello --id 2 # without the gateway
npx skein logs -f
\`\`\`

It needs Node 24 or newer. \`npm run check\` looks for mistakes in the config and the types; \`npm test\` runs
[greeter/service.test.ts](greeter/service.test.ts), with both services and a registry in one process.
`
}
