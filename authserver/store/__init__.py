"""The storage roles as protocols, and their memory implementation.

Each role is as small as its callers' need. Every implementation runs the same conformance suite
(`tests/conformance`). Registry, Directory, Credentials, Journal and Grants are truth and live in SQL; Sessions, OneTime
and Counters live in Redis (DESIGN 6.4).
"""

from authserver.store.protocols import (
    Admission,
    Counters,
    Credentials,
    Directory,
    Grants,
    Identities,
    Journal,
    Kept,
    OneTime,
    Registry,
    Sessions,
    Spent,
    Stores,
)

__all__ = [
    "Admission",
    "Counters",
    "Credentials",
    "Directory",
    "Grants",
    "Identities",
    "Journal",
    "Kept",
    "OneTime",
    "Registry",
    "Sessions",
    "Spent",
    "Stores",
]
