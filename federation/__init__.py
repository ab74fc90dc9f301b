"""The federation broker: turns social, OIDC and SAML logins into pool users.

Empty for now; the broker arrives with its own change. The package stands here so that the import contract holds from the start.
"""
