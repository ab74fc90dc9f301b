// openid-client 6: discovery, code + PKCE, userinfo, refresh, revocation, client credentials, logout.
//
// Its defaults are strict; beyond them it is told to check the ID token's signature as well. Plain HTTP must be allowed
// by name, and only the loopback address is ever given to it.

import * as client from 'openid-client'

import { refusal, run, settings, visit } from './conversation.mjs'

const { issuer, web, spa, machine, resource } = settings
const execute = [client.allowInsecureRequests, client.enableNonRepudiationChecks]

const discover = (registered, authentication) =>
  client.discovery(new URL(issuer), registered.client_id, undefined, authentication, { execute })

async function authorizationRequest(config, registered, more = {}) {
  const verifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  const nonce = client.randomNonce()
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: registered.redirect_uri,
    scope: registered.scope,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    ...more,
  })
  return { url, checks: { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true } }
}

const without = (url, name) => {
  const changed = new URL(url)
  changed.searchParams.delete(name)
  return changed
}

const withParameter = (url, name, value) => {
  const changed = new URL(url)
  changed.searchParams.set(name, value)
  return changed
}

async function person(registered, authentication) {
  const config = await discover(registered, authentication)

  // Nobody is signed in yet: prompt=none must say so to the client, with state and iss (RFC 9207), which are checked.
  const silent = await authorizationRequest(config, registered, { prompt: 'none' })
  const silentReturn = await visit(silent.url, registered.redirect_uri)
  const loginRequired = await refusal(() => client.authorizationCodeGrant(config, silentReturn, silent.checks))

  const asked = await authorizationRequest(config, registered, { max_age: '3600' })
  const landed = await visit(asked.url, registered.redirect_uri)
  // The checks are on: without each of these the library goes no further. None of the calls reaches the server.
  const strict = {
    iss: await refusal(() => client.authorizationCodeGrant(config, without(landed, 'iss'), asked.checks)),
    foreignIss: await refusal(() =>
      client.authorizationCodeGrant(config, withParameter(landed, 'iss', 'https://else.example'), asked.checks),
    ),
    state: await refusal(() => client.authorizationCodeGrant(config, without(landed, 'state'), asked.checks)),
  }
  const tokens = await client.authorizationCodeGrant(config, landed, { ...asked.checks, maxAge: 3600 })
  const claims = tokens.claims()
  const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub)

  // Signed in now: the same silent request goes straight through, for the same person. The nonce is wrong once.
  const wrong = await authorizationRequest(config, registered, { prompt: 'none' })
  const wrongReturn = await visit(wrong.url, registered.redirect_uri)
  strict.nonce = await refusal(() =>
    client.authorizationCodeGrant(config, wrongReturn, { ...wrong.checks, expectedNonce: client.randomNonce() }),
  )
  const again = await authorizationRequest(config, registered, { prompt: 'none' })
  const silentTokens = await client.authorizationCodeGrant(
    config,
    await visit(again.url, registered.redirect_uri),
    again.checks,
  )

  // A verifier that does not fit is refused by the server; its twin above fits.
  const stolen = await authorizationRequest(config, registered)
  const stolenReturn = await visit(stolen.url, registered.redirect_uri)
  const wrongVerifier = await refusal(() =>
    client.authorizationCodeGrant(config, stolenReturn, {
      ...stolen.checks,
      pkceCodeVerifier: client.randomPKCECodeVerifier(),
    }),
  )

  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token)
  const refreshedUserinfo = await client.fetchUserInfo(config, refreshed.access_token, claims.sub)
  const narrowed = await client.refreshTokenGrant(config, refreshed.refresh_token, { scope: 'openid' })

  await client.tokenRevocation(config, narrowed.refresh_token)
  const revokedRefresh = await refusal(() => client.refreshTokenGrant(config, narrowed.refresh_token))
  const revokedAccess = await refusal(() => client.fetchUserInfo(config, narrowed.access_token, claims.sub))
  // RFC 7009 2.2: a token the server does not know is no error.
  await client.tokenRevocation(config, 'never-issued')

  const state = client.randomState()
  const logout = client.buildEndSessionUrl(config, {
    id_token_hint: silentTokens.id_token,
    post_logout_redirect_uri: registered.post_logout_redirect_uri,
    state,
  })
  const signedOut = await visit(logout, registered.post_logout_redirect_uri)
  const after = await authorizationRequest(config, registered, { prompt: 'none' })
  const afterReturn = await visit(after.url, registered.redirect_uri)
  const loginRequiredAgain = await refusal(() => client.authorizationCodeGrant(config, afterReturn, after.checks))

  return {
    loginRequired,
    strict,
    claims,
    scope: tokens.scope,
    expiresIn: tokens.expiresIn(),
    userinfo,
    samePerson: silentTokens.claims().sub === claims.sub,
    wrongVerifier,
    rotated: refreshed.refresh_token !== tokens.refresh_token,
    refreshedClaims: refreshed.claims(),
    refreshedUserinfo,
    narrowedScope: narrowed.scope,
    revokedRefresh,
    revokedAccess,
    signedOut: { at: `${signedOut.origin}${signedOut.pathname}`, state: signedOut.searchParams.get('state') === state },
    loginRequiredAgain,
  }
}

async function service() {
  const config = await discover(machine, client.ClientSecretBasic(machine.client_secret))
  const all = await client.clientCredentialsGrant(config)
  const read = await client.clientCredentialsGrant(config, { scope: `${resource}/read` })
  const byResource = await client.clientCredentialsGrant(config, { resource })
  const tooMuch = await refusal(() => client.clientCredentialsGrant(config, { scope: 'openid' }))
  const wrong = await discover(machine, client.ClientSecretBasic(`${machine.client_secret}x`))
  const wrongSecret = await refusal(() => client.clientCredentialsGrant(wrong))
  await client.tokenRevocation(config, read.access_token)
  return {
    scopes: [all.scope, read.scope, byResource.scope],
    refreshToken: all.refresh_token ?? null,
    tooMuch,
    wrongSecret,
  }
}

const parts = {
  metadata: async () => (await discover(web, client.ClientSecretBasic(web.client_secret))).serverMetadata(),
  confidential: () => person(web, client.ClientSecretBasic(web.client_secret)),
  public: () => person(spa, client.None()),
  service,
}

run(parts[settings.part])
