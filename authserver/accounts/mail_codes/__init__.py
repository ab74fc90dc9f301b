"""Codes and links sent by mail and text message: making, limiting, sending, and judging them.

A code is worth something only together with the handle of its challenge, for one purpose, in the sign-in or session
that asked for it, and once. Nothing here decides what a proven address is good for.
"""

from authserver.accounts.mail_codes.limits import RESEND_AFTER, TRIES
from authserver.accounts.mail_codes.service import MailCodes
from authserver.accounts.mail_codes.uses import lifetime, still_reaches

__all__ = ["RESEND_AFTER", "TRIES", "MailCodes", "lifetime", "still_reaches"]
