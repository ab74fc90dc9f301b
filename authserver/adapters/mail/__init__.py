"""Mail by SMTP: the transport behind `mail.url`.

Owns connections, TLS and the form of a mail (MIME). What it says, to whom and how often it is tried is decided by
`authserver.messages`.
"""

from authserver.adapters.mail.smtp import SmtpTransport
from authserver.adapters.mail.url import SmtpServer, parse_mail_url

__all__ = ["SmtpServer", "SmtpTransport", "parse_mail_url"]
