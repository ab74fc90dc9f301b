"""Text messages by HTTP: the transport behind `sms.url`, a webhook or a named gateway.

A gateway is one file: what it wants to be asked (`call`) and what its answers mean (`judge`), both pure. The asking is
the same for all. Requests go through the guarded client of `effects`.
"""

from authserver.adapters.sms.gateway import Gateway, SmsTransport
from authserver.adapters.sms.url import GATEWAYS, parse_sms_url

__all__ = ["GATEWAYS", "Gateway", "SmsTransport", "parse_sms_url"]
