"""How keys are named: `pg:{<pool>:<id>}:<kind>` (DESIGN 6.3).

The braces make pool and id the hash tag, so a Redis Cluster puts all that belongs to one object on one node and
spreads the objects of a pool over all of them.
"""

SESSION = "session"
SESSIONS_OF_USER = "sessions"
SIGN_IN = "sign-in"
GUESSES = "guesses"
WINDOW = "window"

_OURS = frozenset({SESSION, SESSIONS_OF_USER, SIGN_IN, GUESSES, WINDOW})


def object_key(pool: str, ident: str, kind: str) -> bytes:
    """The key of one object.

    A pool id has no colon and a kind no brace, so two different objects never share a key whatever `ident` holds: it
    may be what a person typed. That is also why characters UTF-8 does not know (lone surrogates) are let through.
    """
    return f"pg:{{{pool}:{ident}}}:{kind}".encode("utf-8", "surrogatepass")


def one_time_key(pool: str, digest: str, kind: str) -> bytes:
    """The key of a thing that may be used once. Raises ValueError for a kind that another role uses."""
    if kind in _OURS:
        raise ValueError(f"the kind {kind!r} belongs to another role")
    return object_key(pool, digest, kind)
