// oidc-provider with a Redis adapter of our own, set up to do what our pool does.
// Environment: ISSUER, REDIS (path of a unix socket).
import { createHash, generateKeyPairSync } from 'node:crypto';
import { Redis } from 'ioredis';
import Provider from 'oidc-provider';

export const SECRET = process.env.CLIENT_SECRET;
export const REDIRECT = 'https://app.example/callback';
export const API = 'https://orders.example';
export const RSA_API = 'https://ledger.example';
const SCOPES = 'read write';

export const redis = new Redis(process.env.REDIS);

// oidc-provider asks for upsert, find, consume, destroy, revokeByGrantId; a user is never looked up by uid here.
// One round trip for each call. The list of a grant's keys is what revoking a grant needs.
class RedisAdapter {
  constructor(model) { this.model = model; }

  key(id) { return `oidc:${this.model}:${id}`; }

  async upsert(id, payload, ttl) {
    const commands = redis.multi().set(this.key(id), JSON.stringify(payload), 'EX', ttl ?? 3600);
    if (payload.grantId) {
      const list = `oidc:grant:${payload.grantId}`;
      commands.rpush(list, this.key(id)).expire(list, 86400);
    }
    await commands.exec();
  }

  async find(id) {
    const text = await redis.get(this.key(id));
    return text ? JSON.parse(text) : undefined;
  }

  async consume(id) {
    const payload = JSON.parse(await redis.get(this.key(id)));
    payload.consumed = Math.floor(Date.now() / 1000);
    await redis.set(this.key(id), JSON.stringify(payload), 'KEEPTTL');
  }

  async destroy(id) { await redis.del(this.key(id)); }

  async revokeByGrantId(grantId) {
    const list = `oidc:grant:${grantId}`;
    await redis.del(...(await redis.lrange(list, 0, -1)), list);
  }

  async findByUid() { return undefined; }

  async findByUserCode() { return undefined; }
}

const privateJwk = (type, options, alg, kid) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), alg, kid, use: 'sig',
});

const client = (id, alg) => ({
  client_id: id,
  client_secret: SECRET,
  redirect_uris: [REDIRECT],
  response_types: ['code'],
  grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
  token_endpoint_auth_method: 'client_secret_basic',
  id_token_signed_response_alg: alg,
  scope: `openid profile email offline_access ${SCOPES}`,
});

const PERSON = {
  name: 'Ada Lovelace',
  given_name: 'Ada',
  family_name: 'Lovelace',
  preferred_username: 'ada',
  email: 'ada@example.com',
  email_verified: true,
};

export const provider = new Provider(process.env.ISSUER, {
  adapter: RedisAdapter,
  clients: [client('es256', 'ES256'), client('rs256', 'RS256')],
  jwks: {
    keys: [
      privateJwk('rsa', { modulusLength: 2048 }, 'RS256', 'rsa'),
      privateJwk('ec', { namedCurve: 'P-256' }, 'ES256', 'ec'),
    ],
  },
  scopes: ['openid', 'offline_access', ...SCOPES.split(' ')],
  claims: {
    openid: ['sub'],
    profile: ['name', 'given_name', 'family_name', 'preferred_username'],
    email: ['email', 'email_verified'],
  },
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, ...PERSON }) }),
  rotateRefreshToken: true,
  cookies: { keys: ['of no use here'] },
  ttl: {
    AccessToken: 900, ClientCredentials: 900, AuthorizationCode: 600, RefreshToken: 86400, Grant: 86400, IdToken: 3600,
  },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: (_context, resource) => ({
        scope: SCOPES,
        audience: resource,
        accessTokenTTL: 900,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: resource === RSA_API ? 'RS256' : 'ES256' } },
      }),
    },
  },
});

provider.on('server_error', (_context, error) => console.error(error));

export const challenge = (verifier) => createHash('sha256').update(verifier).digest('base64url');
