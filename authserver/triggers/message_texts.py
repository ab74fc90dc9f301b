"""A trigger's own words for a message, with the code in place. Pure."""

import re
from dataclasses import dataclass

from authserver.errors import TriggerFailed
from authserver.triggers.answers import MessageTexts
from authserver.triggers.message_points import CODE_PARAMETER, USERNAME_PARAMETER


@dataclass(frozen=True, slots=True)
class FilledTexts:
    """A message's texts with the code in place. None where the trigger has nothing to say, so that ours stands."""

    sms: str | None = None
    email_html: str | None = None
    subject: str | None = None


def apply_custom_message(texts: MessageTexts, *, code: str | None, username: str = "") -> FilledTexts:
    """The trigger's texts, `{####}` and `{username}` filled in.

    Args:
        code: what the message carries: the code or the temporary password; None where there is none.
        username: of the invited user. In HTML it is escaped.

    Raises:
        TriggerFailed: a text has no place for the code, so the message would be of no use.
    """
    for name, template in (("smsMessage", texts.sms), ("emailMessage", texts.email)):
        if template is not None and code is not None and CODE_PARAMETER not in template:
            raise TriggerFailed(detail=f"`{name}` in the response has no {CODE_PARAMETER}")
    return FilledTexts(
        sms=_filled(texts.sms, code, username),
        email_html=_filled(texts.email, _escaped(code), _escaped(username) or ""),
        subject=_filled(texts.subject, None, username),
    )


def _filled(template: str | None, code: str | None, username: str) -> str | None:
    """In one pass: a value that looks like a placeholder stays what it is."""
    if not template:
        return None
    values = {USERNAME_PARAMETER: username} | ({CODE_PARAMETER: code} if code is not None else {})
    pattern = "|".join(re.escape(name) for name in values)
    return re.sub(pattern, lambda match: values[match[0]], template)


def _escaped(text: str | None) -> str | None:
    if text is None:
        return None
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&#34;"), ("'", "&#39;")):
        text = text.replace(character, entity)
    return text
