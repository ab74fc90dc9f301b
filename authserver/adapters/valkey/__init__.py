"""The embedded store: a real Valkey server from a wheel, started and supervised by us (DESIGN 2).

Owns the server process, its folder `data_dir/valkey`, and the lock that says which process may start it. Knows nothing
of what is stored; it is spoken to through `adapters.redis` by its URL like any other. `decisions.md` has the reasons.
"""

from authserver.adapters.valkey.embedded import EmbeddedValkey

__all__ = ["EmbeddedValkey"]
