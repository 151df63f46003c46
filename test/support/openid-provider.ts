/** A process with a real OpenID provider: `node openid-provider.ts <JSON of OpenIdOptions>`. It says `listening` when it does. */
import { createServer } from 'node:http'
import Provider from 'oidc-provider'
import type { OpenIdOptions } from './openid.ts'

const { port, clientId, clientSecret, redirectUris, afterLogout, accessTokenSeconds } = JSON.parse(
  process.argv[2]!,
) as OpenIdOptions
const issuer = `http://127.0.0.1:${port}`

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: clientId,
      ...(clientSecret === undefined ? {} : { client_secret: clientSecret }),
      token_endpoint_auth_method: clientSecret === undefined ? 'none' : 'client_secret_basic',
      redirect_uris: [...redirectUris],
      post_logout_redirect_uris: [...afterLogout],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
    },
  ],
  // As Google, Keycloak and Entra do: claims stand in the ID token, not only at the user info.
  conformIdTokenClaims: false,
  claims: { openid: ['sub'], email: ['email'], groups: ['groups'], profile: ['name', 'picture'] },
  scopes: ['openid', 'offline_access', 'email', 'groups', 'profile'],
  findAccount: (_, sub) => ({
    accountId: sub,
    claims: () => ({
      sub,
      email: `${sub}@example.com`,
      name: `${sub} Łovelace`,
      groups: sub === 'root' ? ['admin', 'clerk'] : ['clerk'],
      picture: 'x'.repeat(Number(/^large-(\d+)$/.exec(sub)?.[1] ?? 1)),
    }),
  }),
  cookies: { keys: ['a key of the provider'] },
  ttl: { AccessToken: accessTokenSeconds, IdToken: 600, RefreshToken: 86_400, Session: 86_400, Grant: 86_400 },
  rotateRefreshToken: true,
})
createServer(provider.callback()).listen(port, '127.0.0.1', () => console.log('listening'))
