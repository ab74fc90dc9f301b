"""SAML 2.0 identity provider: the Web Browser SSO and Single Logout profiles, seen from the other side.

    model      an application (a service provider) as a pool has set it up
    metadata   what it publishes about itself, and what we publish for it
    requests   what it asks
    levels     the strength that it asks for, and what we say of it
    responses  what we answer: signed, and encrypted if it wants that
    sealing    the encryption
    logout     sessions ended, in both directions

Pure but for keys and identifiers, which are arguments. What is older than SAML itself (documents, signatures, bindings) is
that of `federation.connectors.saml`. pysaml2 and lxml take half a second to load: whoever imports from here does so late.
"""
