// Applications behind @node-saml/node-saml that run until they are told to end: each has a page that says who is there, and
// the addresses of a SAML service provider. The settings are the first argument: { port, idp, applications }, `idp` being
// where the metadata of the identity provider are.
//
//   GET  /<name>/           who is there
//   GET  /<name>/login      asks; ?force, ?passive, ?context=<class>, ?binding=HTTP-POST, and ?agrees=no for later
//   POST /<name>/acs
//   GET  /<name>/logout     asks for that
//   *    /<name>/slo
//   GET  /<name>/metadata

import { SAML } from '@node-saml/node-saml'
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { inflateRawSync } from 'node:zlib'

const { port, idp, applications } = JSON.parse(process.argv[2])

// It reads no metadata: people copy these three by hand.
const theirs = await (await fetch(idp)).text()
const address = (service) => theirs.match(new RegExp(`${service}[^>]*HTTP-Redirect[^>]*Location="([^"]+)"`))[1]
const common = {
  idpCert: Array.from(theirs.matchAll(/X509Certificate>([^<]+)</g), ([, text]) => text.replace(/\s/g, '')),
  idpIssuer: idp,
  entryPoint: address('SingleSignOnService'),
  logoutUrl: address('SingleLogoutService'),
  wantAssertionsSigned: true,
  wantAuthnResponseSigned: true,
  signatureAlgorithm: 'sha256',
  digestAlgorithm: 'sha256',
  // Not `always`: in a posted LogoutResponse it does not find it.
  validateInResponseTo: 'ifPresent',
  disableRequestedAuthnContext: true,
}

class Application {
  constructor(name, { certificate, privateKey, encrypted, ...options }) {
    const here = `http://127.0.0.1:${port}/${name}`
    this.name = name
    this.home = `${here}/`
    this.certificate = certificate
    this.encrypted = encrypted
    this.sessions = new Map()
    this.options = {
      ...common,
      issuer: `${here}/metadata`,
      callbackUrl: `${here}/acs`,
      logoutCallbackUrl: `${here}/slo`,
      privateKey,
      publicCert: certificate,
      ...(encrypted ? { decryptionPvk: privateKey } : {}),
      ...options,
    }
    this.saml = new SAML(this.options)
  }

  metadata() {
    return this.saml.generateServiceProviderMetadata(this.encrypted ? this.certificate : null, this.certificate)
  }

  async login(query, answer) {
    const post = query.get('binding') === 'HTTP-POST'
    const saml = new SAML({
      ...this.options,
      cacheProvider: this.saml.cacheProvider,
      forceAuthn: query.has('force'),
      passive: query.has('passive'),
      ...(query.has('context') ? { disableRequestedAuthnContext: false, authnContext: query.getAll('context') } : {}),
      // It packs a posted request as if it went by redirect, and with this a redirected message as if it were posted.
      ...(post ? { authnRequestBinding: 'HTTP-POST', skipRequestCompression: true } : {}),
    })
    const relay = query.get('agrees') === 'no' ? 'disagrees' : 'agrees'
    if (post) return answer.page(await saml.getAuthorizeFormAsync(relay))
    return answer.redirect(await saml.getAuthorizeUrlAsync(relay))
  }

  async signedOn(form, answer) {
    const { profile } = await this.saml.validatePostResponseAsync(form)
    if (!profile) return answer.json({ nobody: true })
    const statement = profile.getAssertion().Assertion.AuthnStatement[0]
    const session = randomUUID()
    this.sessions.set(session, {
      ...profile,
      context: statement.AuthnContext[0].AuthnContextClassRef[0]._,
      authenticated: statement.$.AuthnInstant,
      relayState: form.RelayState ?? null,
    })
    return answer.redirect(this.home, { 'Set-Cookie': `${this.name}=${session}; Path=/${this.name}/; SameSite=Lax; HttpOnly` })
  }

  async logout(id, answer) {
    const profile = this.sessions.get(id)
    this.sessions.delete(id)
    return answer.redirect(await this.saml.getLogoutUrlAsync(profile, 'bye'))
  }

  async slo(message, query, answer) {
    const { profile, loggedOut } = await (query !== null
      ? this.saml.validateRedirectAsync(message, query)
      : message.SAMLRequest
        ? this.saml.validatePostRequestAsync(message)
        : this.saml.validatePostResponseAsync(message))
    if (message.SAMLResponse) {
      // It looks at the first status alone.
      const octets = Buffer.from(message.SAMLResponse, 'base64')
      const text = (query !== null ? inflateRawSync(octets) : octets).toString()
      const statuses = Array.from(text.matchAll(/StatusCode Value="[^"]*:(\w+)"/g), ([, status]) => status)
      return answer.json({ loggedOut, statuses, relayState: message.RelayState })
    }
    let agrees = true
    for (const [id, known] of this.sessions) {
      if (known.nameID === profile.nameID && known.sessionIndex === profile.sessionIndex) {
        agrees = known.relayState !== 'disagrees'
        this.sessions.delete(id)
      }
    }
    return answer.redirect(await this.saml.getLogoutResponseUrlAsync(profile, message.RelayState, {}, agrees))
  }
}

const known = Object.fromEntries(Object.entries(applications).map(([name, options]) => [name, new Application(name, options)]))

async function body(request) {
  const parts = []
  for await (const part of request) parts.push(part)
  return Object.fromEntries(new URLSearchParams(Buffer.concat(parts).toString()))
}

async function serve(request, answer) {
  const { pathname, search, searchParams } = new URL(request.url, 'http://127.0.0.1')
  const [, name, what] = pathname.split('/')
  const application = known[name]
  const id = new RegExp(`${name}=([^;]+)`).exec(request.headers.cookie ?? '')?.[1]
  if (application === undefined) return answer.json({ applications: Object.keys(known) })
  switch (`${request.method} ${what}`) {
    case 'GET ':
      return answer.json({ nobody: !application.sessions.has(id), ...application.sessions.get(id) })
    case 'GET metadata':
      return answer.page(application.metadata())
    case 'GET login':
      return application.login(searchParams, answer)
    case 'POST acs':
      return application.signedOn(await body(request), answer)
    case 'GET logout':
      return application.logout(id, answer)
    case 'GET slo':
      return application.slo(Object.fromEntries(searchParams), search.slice(1), answer)
    case 'POST slo':
      return application.slo(await body(request), null, answer)
  }
  throw new Error(`no such page: ${request.method} ${what}`)
}

createServer(async (request, response) => {
  const answer = {
    json: (said, status = 200) =>
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(said)),
    page: (text) => response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(text),
    redirect: (url, headers = {}) => response.writeHead(303, { Location: url, ...headers }).end(),
  }
  try {
    await serve(request, answer)
  } catch (error) {
    console.error(error)
    answer.json({ refused: error.message }, 400)
  }
}).listen(port, '127.0.0.1')
