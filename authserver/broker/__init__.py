"""The host of the federation broker: sends browsers to other providers and takes them back.

Owns the hand-off (what a departure must find again when the browser returns) and what connectors need of us
(`federation.ports`). Who a verified identity is here, `accounts.external` decides; what that means for a sign-in,
`signin.arriving`.
"""
