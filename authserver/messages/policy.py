"""A pool's own texts and sender, judged when a pool file is read."""

import re

from authserver.errors import Invalid
from authserver.messages.texts import TEXTS, allowed_placeholders, placeholders, required_placeholders
from authserver.model.pools import MessagePolicy

KEYS = frozenset(TEXTS)
"""The keys of `MessagePolicy.texts`, for every language."""

LONGEST_TEXT = 1000
LONGEST_LINE = 150
"""Characters of a subject, a heading, a label or a text message: what fits one line, or two segments."""

_ADDRESS = re.compile(r"[^\s\x00-\x1f\x7f\"(),:;<>\[\\\]@]{1,64}@[^\s\x00-\x1f\x7f\"(),:;<>\[\\\]@]{1,253}")
_BRACES = re.compile(r"\{([^{}]*)\}|[{}]")


def mail_address(text: str) -> bool:
    """Whether `text` is a bare address that may stand in a header: no space, no quotes, no controls."""
    return _ADDRESS.fullmatch(text) is not None and text.isprintable()


def check_messages(policy: MessagePolicy) -> None:
    """Whether the sender and every text may be used.

    Raises:
        Invalid: with the offending key as `field`, e.g. "from_address" or "texts.ko.sign_in_code.sms".
    """
    if policy.from_name and not policy.from_name.isprintable():
        raise Invalid("A sender's name is one line without control characters.", field="from_name")
    for field, address in (("from_address", policy.from_address), ("reply_to", policy.reply_to)):
        if address and not mail_address(address):
            raise Invalid("This is not an email address.", field=field)
    for language, texts in policy.texts.items():
        for key, text in texts.items():
            fault = text_fault(key, text)
            if fault is not None:
                raise Invalid(fault, field=f"texts.{language}.{key}")


def text_fault(key: str, text: str) -> str | None:
    """Why `text` may not stand in place of ours, in a sentence; None if it may."""
    if key not in KEYS:
        return "There is no text of this name."
    many_lines = key.endswith((".intro", ".note", ".sms"))
    longest = LONGEST_LINE if not many_lines or key.endswith(".sms") else LONGEST_TEXT
    if not text.strip() or len(text) > longest:
        return f"A text of this name has 1 to {longest} characters."
    if not all(c.isprintable() or (c == "\n" and many_lines) for c in text):
        return (
            "A text must not hold control characters, and this one no line break."
            if not many_lines
            else ("A text must not hold control characters other than line breaks.")
        )
    allowed = allowed_placeholders(key)
    for found in _BRACES.finditer(text):
        if found[1] not in allowed:
            there_are = ", ".join(f"{{{name}}}" for name in sorted(allowed))
            return f"This text has no placeholder {found[0]}. There are: {there_are}."
    if missing := required_placeholders(key) - placeholders(text):
        return f"This text must name {{{min(missing)}}}."
    return None
