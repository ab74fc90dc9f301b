// What an API in JavaScript does with our tokens: jose and aws-jwt-verify, each from the JWKS address alone.

import { JwtVerifier } from 'aws-jwt-verify'
import { SimpleJwksCache } from 'aws-jwt-verify/jwk'
import { createRemoteJWKSet, jwtVerify } from 'jose'

import { refusal, run, settings } from './conversation.mjs'

const { issuer, jwksUri, resource, clientId, accessToken, idToken } = settings

async function jose() {
  const keys = createRemoteJWKSet(new URL(jwksUri))
  const access = { issuer, audience: resource, typ: 'at+jwt', algorithms: ['ES256'], requiredClaims: ['client_id', 'jti'] }
  const id = { issuer, audience: clientId, typ: 'JWT', algorithms: ['RS256'], requiredClaims: ['auth_time', 'sid'] }
  return {
    access: (await jwtVerify(accessToken, keys, access)).payload,
    id: (await jwtVerify(idToken, keys, id)).payload,
    idTokenAsAccess: await refusal(() => jwtVerify(idToken, keys, { ...access, algorithms: ['RS256'], audience: clientId })),
    foreignAudience: await refusal(() => jwtVerify(accessToken, keys, { ...access, audience: 'https://else.example' })),
  }
}

async function aws() {
  // Its own fetcher insists on https, rightly; here the keys are on loopback.
  const fetcher = { fetch: async (uri) => (await fetch(uri)).arrayBuffer() }
  const verifier = JwtVerifier.create([{ issuer, jwksUri, audience: [resource, clientId] }], {
    jwksCache: new SimpleJwksCache({ fetcher }),
  })
  const strangers = JwtVerifier.create([{ issuer, jwksUri, audience: 'https://else.example' }], {
    jwksCache: new SimpleJwksCache({ fetcher }),
  })
  return {
    access: await verifier.verify(accessToken),
    id: await verifier.verify(idToken),
    foreignAudience: await refusal(() => strangers.verify(accessToken)),
  }
}

run(async () => ({ jose: await jose(), aws: await aws() }))
