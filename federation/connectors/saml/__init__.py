"""SAML 2.0 service provider: the Web Browser SSO and Single Logout profiles, by redirect and POST.

    settings, __init__   what the pool file says
    sources, metadata    what the provider publishes, and how we come by it
    requests, service    what we send and publish
    bindings             how it travels
    documents, signatures, encryption, opening   from bytes to what was signed
    judging, claims, identity, logout            from what was signed to what it means for us
    provider             the order of all that

pysaml2 and lxml take half a second to load, so this module and its KIND do without them: `build` loads them.
"""

from federation.connector import Connector, Kind, SettingSpec
from federation.model import IdentityProvider
from federation.ports import Host


def _build(provider: IdentityProvider, host: Host) -> Connector:
    from federation.connectors.saml.provider import SamlProvider

    return SamlProvider(provider, host)


_SETTINGS = (
    SettingSpec(
        "metadata_url",
        example="https://idp.example.com/metadata",
        about="where the provider publishes its metadata; fetched again every 6 hours, or as often as it says",
    ),
    SettingSpec("metadata_file", type="file", about="the provider's metadata in a file, in place of metadata_url"),
    SettingSpec("metadata", about="the provider's metadata itself, in place of metadata_url"),
    SettingSpec(
        "mdq_url",
        example="https://mdq.incommon.org",
        about="a metadata query service (MDQ), in place of metadata_url; idp_entity_id says whom to ask for",
    ),
    SettingSpec("idp_entity_id", about="the provider's entity ID, where the metadata describes several"),
    SettingSpec("metadata_certificate", about="PEM: only metadata that is signed with its key is taken"),
    SettingSpec("metadata_certificate_file", type="file", about="the same in a file"),
    SettingSpec("entity_id", about="our entity ID, if it is not to be the URL of our metadata"),
    SettingSpec("sign_requests", type="boolean", about="whether our requests are signed; true unless set"),
    SettingSpec("request_binding", values=("redirect", "post"), about="how our requests travel; redirect unless set"),
    SettingSpec(
        "name_id_format", example="persistent", about="persistent, emailAddress, unspecified, transient or a URI"
    ),
    SettingSpec(
        "subject_attribute",
        example="employeeNumber",
        about="the attribute that identifies a person for good, in place of the NameID",
    ),
    SettingSpec(
        "want_assertions_signed",
        type="boolean",
        about="true unless set: with false, a signature over the whole response is enough",
    ),
    SettingSpec("encrypted", type="boolean", about="whether assertions must be encrypted"),
    SettingSpec(
        "allow_cbc", type="boolean", about="whether AES-CBC may encrypt what is signed as a whole; it is outdated"
    ),
    SettingSpec("idp_initiated", type="boolean", about="whether a sign-in may begin at the provider"),
    SettingSpec("sign_out", type="boolean", about="whether signing out here ends the session at the provider too"),
    SettingSpec("authn_context", type="strings", about="AuthnContextClassRef values that are asked for"),
)

KIND = Kind(
    type="saml",
    label="SAML",
    protocol="saml",
    build=_build,
    settings=_SETTINGS,
    mapping={
        "email": "email",
        "given_name": "given_name",
        "family_name": "family_name",
        "name": "name",
        "preferred_username": "preferred_username",
    },
    posts_back=True,
    icon="saml",
    needs_client=False,
)
