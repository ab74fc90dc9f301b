// What @node-saml/node-saml makes of the messages of our service provider. For it we are the provider: it verifies us with
// the certificate of our metadata, as it verifies its providers.

import { SAML, ValidateInResponseTo } from '@node-saml/node-saml'
import xml from '@node-saml/node-saml/lib/xml.js'
import { inflateRawSync } from 'node:zlib'

import { refusal, run, settings } from './conversation.mjs'

const { certificate, entityId, messages } = settings

async function judge({ binding, field, value, query, answers }) {
  const saml = new SAML({
    idpCert: certificate,
    idpIssuer: entityId,
    issuer: 'https://idp.example.org/metadata',
    callbackUrl: 'https://idp.example.org/slo',
    // In a form it looks for it in a Response alone.
    validateInResponseTo: answers && binding === 'redirect' ? ValidateInResponseTo.always : ValidateInResponseTo.never,
  })
  if (answers) await saml.cacheProvider.saveAsync(answers, new Date().toISOString())
  const container = binding === 'redirect' ? Object.fromEntries(new URLSearchParams(query)) : { [field]: value }
  const octets = Buffer.from(container[field], 'base64')
  const text = (binding === 'redirect' ? inflateRawSync(octets) : octets).toString()
  const root = (await xml.parseDomFromString(text)).documentElement
  const said = {
    name: root.localName,
    ...Object.fromEntries(Array.from(root.attributes).map(({ name, value }) => [name, value])),
    issuer: xml.xpath.selectElements(root, './*[local-name()="Issuer"]')[0].textContent,
  }
  if (root.localName === 'AuthnRequest') {
    // It has no way to take one, being a service itself; how it verifies signatures is the same for all messages.
    if (binding === 'redirect') {
      if (!container.Signature) throw new Error('there is no signature')
      await saml.hasValidSignatureForRedirect(container, query)
    } else if (!xml.validateSignature(text, root, [certificate])) {
      throw new Error('the signature does not hold')
    }
    return said
  }
  if (binding === 'redirect') return { ...said, ...(await saml.validateRedirectAsync(container, query)) }
  if (field === 'SAMLRequest') return { ...said, ...(await saml.validatePostRequestAsync(container)) }
  return { ...said, ...(await saml.validatePostResponseAsync(container)) }
}

run(async () => {
  const verdicts = {}
  for (const [name, message] of Object.entries(messages)) {
    verdicts[name] = { accepted: null, refused: null }
    try {
      verdicts[name].accepted = await judge(message)
    } catch (error) {
      verdicts[name].refused = error.message
    }
  }
  return verdicts
})
