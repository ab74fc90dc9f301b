"""Cryptographic tools: password hashes, digests and keyed derivation, sealing at rest, signing.

Nothing here stores or decides; keys, time and chance come in as arguments.
"""
