// What others make of our factors: otplib of the authenticator-app URIs, SimpleWebAuthn of the passkeys' answers.

import { parse } from '@otplib/uri'
import { verifyAuthenticationResponse, verifyRegistrationResponse } from '@simplewebauthn/server'
import { generate } from 'otplib'

import { run, settings } from './conversation.mjs'

const { uris = [], registrations = [], authentications = [] } = settings

async function app({ uri, times }) {
  const { type, label, params } = parse(uri)
  const codes = []
  for (const epoch of times) {
    codes.push(await generate({ secret: params.secret, epoch, digits: params.digits, period: params.period }))
  }
  return { type, label, issuer: params.issuer, algorithm: params.algorithm ?? null, codes }
}

/** The verdict, in place of an exception. */
async function judge(verify) {
  try {
    return await verify()
  } catch (error) {
    return { verified: false, why: error.message }
  }
}

const registration = ({ response, challenge, origin, rpId, algorithms, verifyUser }) =>
  judge(async () => {
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response,
      expectedChallenge: challenge,
      expectedOrigin: origin,
      expectedRPID: rpId,
      requireUserVerification: verifyUser,
      supportedAlgorithmIDs: algorithms,
    })
    const { credential, aaguid, fmt, credentialDeviceType, credentialBackedUp, userVerified } = registrationInfo ?? {}
    return {
      verified,
      id: credential?.id,
      key: credential && Buffer.from(credential.publicKey).toString('base64url'),
      counter: credential?.counter,
      aaguid,
      fmt,
      deviceType: credentialDeviceType,
      backedUp: credentialBackedUp,
      userVerified,
    }
  })

const authentication = ({ response, challenge, origin, rpId, verifyUser, credential }) =>
  judge(async () => {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response,
      expectedChallenge: challenge,
      expectedOrigin: origin,
      expectedRPID: rpId,
      requireUserVerification: verifyUser,
      credential: { ...credential, publicKey: Buffer.from(credential.publicKey, 'base64url') },
    })
    return { verified, counter: authenticationInfo.newCounter, userVerified: authenticationInfo.userVerified }
  })

run(async () => ({
  apps: await Promise.all(uris.map(app)),
  registrations: await Promise.all(registrations.map(registration)),
  authentications: await Promise.all(authentications.map(authentication)),
}))
