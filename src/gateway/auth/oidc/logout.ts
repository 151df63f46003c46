/** The end of a session: here, and where it has a page for that, at the provider (OpenID Connect RP-Initiated Logout). */
import { SkeinError } from '../../../core/errors.ts'
import type { AuthReply, AuthRequest } from '../contract.ts'
import { type Login, redirect } from './login.ts'
import { isForeign } from './places.ts'

export async function logout(request: AuthRequest, login: Login): Promise<AuthReply> {
  if (isForeign(request)) {
    throw new SkeinError('FORBIDDEN', 'another site cannot sign you out', { reason: 'oidc_foreign_logout' })
  }
  const session = login.sessions.read(request.headers)
  const after = new URL(login.settings.afterLogout, login.originOf(request)).href
  if (session?.refreshToken !== undefined) void login.provider.revoke(session.refreshToken)
  const page = session === undefined ? undefined : await providersPage(login)
  const cookies = login.sessions.remove(request.headers)
  if (page === undefined) return redirect(after, cookies)
  page.searchParams.set('client_id', login.settings.clientId)
  page.searchParams.set('post_logout_redirect_uri', after)
  if (session?.idToken !== undefined) page.searchParams.set('id_token_hint', session.idToken)
  return redirect(page.href, cookies)
}

/** A provider that is away keeps nobody from signing out here. */
async function providersPage(login: Login): Promise<URL | undefined> {
  try {
    const { server } = await login.provider.metadata()
    return login.provider.endpoint(server, 'end_session_endpoint')
  } catch (error) {
    if (error instanceof SkeinError) return undefined
    throw error
  }
}
