"""The postman's courier for the audit feed: channel "webhook" of the outbox."""

from authserver.audit.feed import Feed, NotTaken
from authserver.messages.transport import TryAgain
from authserver.model.journal import Parcel


class AuditCourier:
    """Satisfies `messages.postman.Courier`."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def about(self, _parcel: Parcel, _content: bytes) -> None:
        """No events: each would be an entry that the feed has to deliver, and so on without end."""
        return

    async def deliver(self, parcel: Parcel, _content: bytes) -> None:
        """Raises TryAgain."""
        try:
            await self._feed.deliver(parcel)
        except NotTaken as not_taken:
            raise TryAgain(not_taken.detail) from None
