"""The OAuth 2.0 and OpenID Connect endpoints: one file each, read top to bottom as load, judge, spend, mint, save, answer."""
