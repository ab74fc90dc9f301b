"""Tokens: the pool's key ring, claims, minting, refresh rotation and revocation. No HTTP, no SQL."""
