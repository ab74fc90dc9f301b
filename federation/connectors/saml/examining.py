"""What an administrator should know of a SAML provider before somebody cannot sign in. Pure."""

from collections.abc import Sequence

from federation.connector import Check
from federation.connectors.saml.metadata import IdpMetadata
from federation.connectors.saml.moments import written
from federation.connectors.saml.names import POST, REDIRECT
from federation.connectors.saml.settings import SamlSettings
from federation.connectors.saml.signatures import certificate
from federation.errors import FederationError

SOON = 30 * 86400
"""Seconds before the end of a certificate from when on it is warned of."""


def examine(
    settings: SamlSettings,
    idp: IdpMetadata | FederationError,
    failure: FederationError | None,
    own_certificates: Sequence[str],
    now: int,
) -> list[Check]:
    """What was found.

    Args:
        idp: the provider's metadata, or why there is none.
        failure: why it could not be fetched the last time, if it could not.
        own_certificates: PEM.
    """
    checks = [_expiry("our certificate", pem, now) for pem in own_certificates]
    if isinstance(idp, FederationError):
        return [
            Check("metadata", "error", idp.detail, "look at metadata_url, and at what the provider publishes"),
            *checks,
        ]
    checks.insert(0, Check("metadata", "ok", f"describes {idp.entity_id}"))
    if failure is not None:
        advice = "sign-ins go on with the last good copy; see to it before that ends"
        checks.append(Check("metadata refresh", "warning", failure.detail, advice))
    if idp.valid_until is not None and idp.valid_until < now + 86400:
        checks.append(Check("metadata", "warning", f"ends at {written(idp.valid_until)}", "the provider must renew it"))
    checks.extend(_expiry("the provider's certificate", pem, now) for pem in idp.certificates)
    if idp.weak:
        advice = "RSA keys need 2048 bits or more"
        checks.append(Check("the provider's keys", "warning", f"{idp.weak} cannot be used", advice))
    if (POST if settings.request_binding == "post" else REDIRECT) not in idp.sign_on:
        checks.append(Check("sign-on service", "error", "there is none for this binding", "change request_binding"))
    if settings.sign_out and not idp.sign_out:
        checks.append(Check("sign-out", "warning", "the provider offers none", "sign_out has no effect"))
    if idp.wants_signed_requests and not settings.sign_requests:
        checks.append(
            Check("requests", "warning", "the provider wants them signed", "they are, whatever sign_requests says")
        )
    if not settings.want_assertions_signed:
        checks.append(Check("assertions", "warning", "a signed response is enough", "want_assertions_signed is safer"))
    return checks


def _expiry(name: str, pem: str, now: int) -> Check:
    try:
        ends = int(certificate(pem).not_valid_after_utc.timestamp())
    except ValueError as fault:
        return Check(name, "error", str(fault), "it takes an RSA key of 2048 bits, or an EC key")
    if ends <= now:
        return Check(name, "warning", f"has expired at {written(ends)}", "it still works here, but should be replaced")
    if ends < now + SOON:
        return Check(name, "warning", f"expires at {written(ends)}", "the next one should be published now")
    return Check(name, "ok", f"is valid until {written(ends)}")
