/** The image that every part of a fleet runs from. */
import path from 'node:path'
import { APP, DATA } from './compose.ts'
import type { Installed } from './project.ts'

export function dockerfile({ files, locked, isSkein }: Installed): string {
  const install = `npm ${locked ? 'ci' : 'install'} ${isSkein ? '--include=dev' : '--omit=dev'}`
  return `# One image for every part of the fleet: compose.yaml says which part a container is.
FROM node:26-slim
ENV NODE_ENV=production
WORKDIR ${APP}
RUN mkdir ${DATA} && chown node:node ${DATA}
${copied(files)}
# npm's cache stays out of the image. For packages of your own: docker build --secret id=npmrc,src=$HOME/.npmrc .
RUN --mount=type=cache,target=/root/.npm --mount=type=secret,id=npmrc,target=/root/.npmrc ${install}
${files === 'all' ? '' : 'COPY . .\n'}USER node
ENTRYPOINT ["${APP}/${isSkein ? 'bin/skein.js' : 'node_modules/.bin/skein'}"]
`
}

/** What npm needs goes first, so that another line in a service does not install everything anew. */
function copied(files: Installed['files']): string {
  if (files === 'all') return 'COPY . .'
  const folders = Map.groupBy(['package.json', ...files], path.posix.dirname)
  return [...folders].map(([folder, inside]) => `COPY ${inside.join(' ')} ${folder}/`).join('\n')
}

/** Not in the image: what npm installs there, what runs have left, and what it is made of. */
export const DOCKERIGNORE = `**/node_modules
**/.skein
**/.env*
.git
Dockerfile
.dockerignore
compose*.yaml
`
