"""The factors beside the password: authenticator apps (TOTP), passkeys, backup codes. No HTTP, no pages, no SQL.

Each is one class with the same manner: something is begun and confirmed (or replaced), then proven. Whoever drives a
sign-in decides when; a factor only says whether what was given is right, once, and within the limits on guessing.
"""
