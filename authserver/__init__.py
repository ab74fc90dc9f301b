"""The authorization server: OAuth 2.0 and OpenID Connect endpoints, hosted pages and user pools.

Inside this package a line imports only lines below it (DESIGN 6.2); `app` and `cli` are the composition root.
"""
