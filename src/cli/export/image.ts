/** The image that every part of a fleet runs from. */
import { APP, DATA } from './compose.ts'

/** `locked`: the project has a package-lock.json. */
export function dockerfile(locked: boolean): string {
  const [files, install] = locked ? ['package.json package-lock.json', 'npm ci'] : ['package.json', 'npm install']
  return `# One image for every part of the fleet: compose.yaml says which part a container is.
FROM node:26-slim
ENV NODE_ENV=production
WORKDIR ${APP}
COPY ${files} ./
RUN ${install} --omit=dev && mkdir ${DATA} && chown node:node ${DATA}
COPY . .
USER node
ENTRYPOINT ["${APP}/node_modules/.bin/skein"]
`
}

export const DOCKERIGNORE = 'node_modules\n.skein\n.git\nDockerfile\ncompose.yaml\n'
