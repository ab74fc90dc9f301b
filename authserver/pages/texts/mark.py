"""The mark by which extraction finds a message that is translated elsewhere."""


def gettext_noop(message: str) -> str:
    """Mark `message` for extraction without translating it here."""
    return message
