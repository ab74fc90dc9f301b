// oauth4webapi 3: each request and each judgement of its answer by itself, with the library's own strict rules.

import * as oauth from 'oauth4webapi'

import { refusal, run, settings, visit } from './conversation.mjs'

const { issuer, spa, web, machine, resource } = settings
const http = { [oauth.allowInsecureRequests]: true }
const at = new URL(issuer)

const discovered = async (algorithm) =>
  oauth.processDiscoveryResponse(at, await oauth.discoveryRequest(at, { algorithm, ...http }))

/** RFC 9068: what a resource server does with an access token. */
const accepts = (as, accessToken, audience) =>
  oauth.validateJwtAccessToken(
    as,
    new Request('http://127.0.0.1/orders', { headers: { authorization: `Bearer ${accessToken}` } }),
    audience,
    http,
  )

async function signIn(as, registered, authentication, more = {}) {
  const client = { client_id: registered.client_id }
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const nonce = oauth.generateRandomNonce()
  const url = new URL(as.authorization_endpoint)
  for (const [name, value] of Object.entries({
    client_id: client.client_id,
    redirect_uri: registered.redirect_uri,
    response_type: 'code',
    scope: registered.scope,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    ...more,
  })) {
    url.searchParams.set(name, value)
  }
  const landed = await visit(url, registered.redirect_uri)
  const callback = oauth.validateAuthResponse(as, client, landed, state)
  const exchange = () =>
    oauth.authorizationCodeGrantRequest(as, client, authentication, callback, registered.redirect_uri, verifier, http)
  const response = await exchange()
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, {
    expectedNonce: nonce,
    requireIdToken: true,
    maxAge: 600,
  })
  await oauth.validateApplicationLevelSignature(as, response, http)
  return { client, tokens, exchange, headers: response.headers }
}

async function person(as, registered, authentication) {
  // max_age makes auth_time a must, and the library compares it.
  const { client, tokens, exchange, headers } = await signIn(as, registered, authentication, { max_age: '600' })
  const claims = oauth.getValidatedIdTokenClaims(tokens)
  const userinfo = await oauth.processUserInfoResponse(
    as,
    client,
    claims.sub,
    await oauth.userInfoRequest(as, client, tokens.access_token, http),
  )
  const access = await accepts(as, tokens.access_token, resource)
  const atIssuer = await accepts(as, tokens.access_token, issuer)
  const foreignAudience = await refusal(() => accepts(as, tokens.access_token, 'https://else.example'))
  const idTokenAsAccess = await refusal(() => accepts(as, tokens.id_token, client.client_id))

  const refreshed = await oauth.processRefreshTokenResponse(
    as,
    client,
    await oauth.refreshTokenGrantRequest(as, client, authentication, tokens.refresh_token, http),
  )
  await oauth.processRevocationResponse(
    await oauth.revocationRequest(as, client, authentication, refreshed.refresh_token, http),
  )
  const revoked = await refusal(async () =>
    oauth.processRefreshTokenResponse(
      as,
      client,
      await oauth.refreshTokenGrantRequest(as, client, authentication, refreshed.refresh_token, http),
    ),
  )

  // A code used twice: refused, and what the first use brought is dead (RFC 6749 4.1.2).
  const second = await signIn(as, registered, authentication)
  const replay = await refusal(async () =>
    oauth.processAuthorizationCodeResponse(as, client, await second.exchange(), { requireIdToken: true }),
  )
  const afterReplay = await refusal(async () =>
    oauth.processUserInfoResponse(
      as,
      client,
      claims.sub,
      await oauth.userInfoRequest(as, client, second.tokens.access_token, http),
    ),
  )
  return {
    tokenType: tokens.token_type,
    cacheControl: headers.get('cache-control'),
    claims,
    userinfo,
    access,
    atIssuer: atIssuer.sub,
    foreignAudience,
    idTokenAsAccess,
    refreshedSub: oauth.getValidatedIdTokenClaims(refreshed)?.sub ?? null,
    revoked,
    replay,
    afterReplay,
  }
}

async function service(as) {
  const client = { client_id: machine.client_id }
  const authentication = oauth.ClientSecretBasic(machine.client_secret)
  const tokens = await oauth.processClientCredentialsResponse(
    as,
    client,
    await oauth.clientCredentialsGrantRequest(as, client, authentication, { scope: `${resource}/read` }, http),
  )
  return { scope: tokens.scope, access: await accepts(as, tokens.access_token, resource) }
}

const parts = {
  metadata: async () => ({ oidc: await discovered('oidc'), oauth2: await discovered('oauth2') }),
  confidential: async () => person(await discovered('oidc'), web, oauth.ClientSecretBasic(web.client_secret)),
  public: async () => person(await discovered('oauth2'), spa, oauth.None()),
  service: async () => service(await discovered('oidc')),
}

run(parts[settings.part])
