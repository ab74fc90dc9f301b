"""Sign-outs that a provider tells by a frame in the person's browser (OpenID Connect Front-Channel Logout 1.0, 2).

Nothing is signed, and no cookie of ours comes along: a frame in another site's page gets none. What is known is that whoever
made the address knew the session's id there, which only its ID tokens tell. So an id must be long enough not to be guessed
(Front-Channel Logout 5), and all that comes of it is that its session ends (federation/decisions.md 7).
"""

from collections.abc import Collection

from federation.connectors.discovery import Metadata
from federation.connectors.logout_token import LONGEST_ID
from federation.errors import BadAnswer
from federation.model import Callback
from resource_servers.errors import shown

SHORTEST_ID = 16
"""Characters of a session's id: those of 96 bits in base64."""


def session_of_frame(callback: Callback, issuers: Collection[str]) -> str:
    """The session that ended, by its id there. Pure.

    Args:
        issuers: what `iss` may be.

    Raises BadAnswer: iss or sid is missing, repeated, another provider's, or no such id.
    """
    if callback.method != "GET":
        raise BadAnswer("a frame asks by GET")
    iss, sid = callback.one("iss"), callback.one("sid")
    if iss is None or sid is None:
        raise BadAnswer("a sign-out by a frame names iss and sid, or it could be anybody's")
    if iss not in issuers:
        raise BadAnswer(f"the sign-out is from {shown(iss)}")
    if not SHORTEST_ID <= len(sid) <= LONGEST_ID:
        raise BadAnswer(f"a sid of {len(sid)} characters: one of fewer than {SHORTEST_ID} could be guessed")
    return sid


def framing_pages(metadata: Metadata) -> tuple[str, ...]:
    """Where the provider's pages are that may have us in a frame: it signs people out there."""
    return tuple(dict.fromkeys(url for url in (metadata.end_session_endpoint, metadata.issuer) if url))
