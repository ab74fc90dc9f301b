// oidc-provider with its own pages for development, where people sign in by their name and any password. It runs until it
// is told to end. Its settings are the first argument: { issuer, port, jwks, clients, people, leave }; who shows the leave
// registers as a client.
import Provider from 'oidc-provider'

const { issuer, port, jwks, clients, people, leave } = JSON.parse(process.argv[2])

const provider = new Provider(issuer, {
  jwks,
  clients,
  claims: {
    openid: ['sub'],
    email: ['email', 'email_verified'],
    profile: ['name', 'given_name', 'family_name'],
    groups: ['groups'],
  },
  cookies: { keys: ['only-for-tests'] },
  clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
  features: {
    devInteractions: { enabled: true },
    backchannelLogout: { enabled: true },
    encryption: { enabled: true },
    jwtUserinfo: { enabled: true },
    registration: { enabled: true, initialAccessToken: leave },
    registrationManagement: { enabled: true },
    rpInitiatedLogout: { enabled: true },
  },
  enabledJWA: {
    idTokenEncryptionAlgValues: ['RSA-OAEP-256', 'ECDH-ES+A256KW'],
    idTokenEncryptionEncValues: ['A256GCM', 'A128CBC-HS256'],
  },
  // Its own would refuse to speak to this machine.
  fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
  findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub, ...people[sub] }) }),
})

provider.on('server_error', (_ctx, error) => console.error('server_error', error))
provider.on('backchannel.error', (_ctx, error) => console.error('backchannel.error', error))
provider.on('backchannel.success', (_ctx, client) => console.error('backchannel.success', client.clientId))
provider.on('grant.error', (_ctx, error) => console.error('grant.error', error))
provider.listen(port, '127.0.0.1')
