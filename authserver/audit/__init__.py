"""The audit trail: every event that matters, kept in a chain in which nothing can be changed or taken out unseen.

Owns what an entry looks like, the chain, its writing in the background, its retention, the feed to a webhook, and what a
user sees of it. Knows the store only as the role Journal, and nothing of HTTP but an `effects.Http` to send the feed by.
"""

from authserver.audit.caller import Caller, caller
from authserver.audit.trail import Trail

__all__ = ["Caller", "Trail", "caller"]
