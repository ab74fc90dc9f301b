"""The federation broker: turns social, OIDC and SAML logins into pool users.

It owns how other providers are spoken to (`connectors`), how what they say becomes attributes (`mapping`), and the rule by
which an identity finds its user (`linking`). It knows no pool's users, no sessions and no pages: whoever embeds it hands in
what `ports` asks for, keeps the `Handoff` between departure and return, and carries out what `linking` decides.

    begin(asked) -> where the browser goes, and what to remember
    finish(handoff, callback) -> ExternalIdentity
"""
