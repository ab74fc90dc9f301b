"""Frozen values and their own rules: pools, users, clients, grants, sessions, keys.

Values know nothing of storage, HTTP or settings. Times are whole seconds since the epoch unless a field says otherwise.
"""
