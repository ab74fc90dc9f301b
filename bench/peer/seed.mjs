// Puts codes into the peer's Redis, as its authorization endpoint would. Prints one form a line.
// Environment: CLIENT, COUNT, VERIFIER, RESOURCE (empty: an opaque access token, which is what its userinfo takes).
import { API, REDIRECT, challenge, provider, redis } from './provider.mjs';

const { CLIENT, COUNT, VERIFIER, RESOURCE } = process.env;
const BATCH = 500;
const client = await provider.Client.find(CLIENT);
const form = (code) => `grant_type=authorization_code&code=${code}`
  + `&redirect_uri=${encodeURIComponent(REDIRECT)}&code_verifier=${VERIFIER}`;

async function code() {
  const grant = new provider.Grant({ accountId: 'ada', clientId: CLIENT });
  grant.addOIDCScope('openid offline_access profile email');
  grant.addResourceScope(API, 'read');
  return new provider.AuthorizationCode({
    accountId: 'ada',
    authTime: Math.floor(Date.now() / 1000),
    claims: {},
    client,
    codeChallenge: challenge(VERIFIER),
    codeChallengeMethod: 'S256',
    grantId: await grant.save(86400),
    gty: 'authorization_code',
    nonce: 'n-0S6_WzA2Mj',
    redirectUri: REDIRECT,
    resource: RESOURCE || undefined,
    scope: `openid offline_access profile email${RESOURCE ? ' read' : ''}`,
  }).save();
}

for (let left = Number(COUNT); left > 0; left -= BATCH) {
  const codes = await Promise.all(Array.from({ length: Math.min(BATCH, left) }, code));
  process.stdout.write(`${codes.map(form).join('\n')}\n`);
}
await redis.quit();
