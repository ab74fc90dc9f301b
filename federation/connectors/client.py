"""A client of an OpenID provider as the settings describe it: which proofs, algorithms and modes are used."""

from dataclasses import dataclass, replace

from federation.connector import SettingSpec
from federation.connectors.client_auth import METHODS, Assertions, Proof, choose, prove
from federation.connectors.dialect import Dialect
from federation.connectors.discovery import Metadata
from federation.connectors.jwe import CONTENT_ALGORITHMS, KEY_ALGORITHMS
from federation.connectors.jws import HMACS, SHORTEST_SECRET
from federation.errors import BadAnswer, Misconfigured
from federation.model import IdentityProvider
from federation.ports import Host

SIGNATURES = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
"""Asymmetric signature algorithms, as in `resource_servers.ALGORITHMS`."""

_ASSERTION_ALGORITHMS = (
    "ES256",
    "RS256",
    "PS256",
    "EdDSA",
    "Ed25519",
    "ES384",
    "ES512",
    "RS384",
    "RS512",
    "PS384",
    "PS512",
)

CLIENT_SECRET = SettingSpec("client_secret", secret=True, about="What proves the client at the provider.")
NEEDED_SECRET = replace(CLIENT_SECRET, required=True)
SIGN_OUT = SettingSpec(
    "sign_out", type="boolean", about="Whether signing out here signs out there too; false unless set."
)

SETTINGS: tuple[SettingSpec, ...] = (
    SIGN_OUT,
    SettingSpec("issuer", required=True, example="https://id.example.com", about="The provider's issuer identifier."),
    CLIENT_SECRET,
    SettingSpec("authorization_endpoint", about="In place of the issuer's metadata, with the two below."),
    SettingSpec("token_endpoint", about="In place of the issuer's metadata."),
    SettingSpec("jwks_uri", about="In place of the issuer's metadata."),
    SettingSpec("userinfo_endpoint", about="In place of, or beside, the issuer's metadata."),
    SettingSpec("end_session_endpoint", about="In place of, or beside, the issuer's metadata."),
    SettingSpec(
        "token_endpoint_auth_method", values=METHODS, about="How the client proves itself; found out if not set."
    ),
    SettingSpec(
        "token_endpoint_auth_signing_alg",
        values=_ASSERTION_ALGORITHMS,
        about="For private_key_jwt, by the pool's own key.",
    ),
    SettingSpec(
        "client_assertion_audience",
        values=("issuer", "token_endpoint"),
        about="Unsafe as token_endpoint, which some servers insist on: an assertion for a URL may be replayed elsewhere.",
    ),
    SettingSpec(
        "id_token_signed_response_alg",
        values=(*SIGNATURES, *HMACS),
        about="The one algorithm of ID tokens; by the metadata if not set, and never HS* unless it is set.",
    ),
    SettingSpec(
        "id_token_encrypted_response_alg", values=KEY_ALGORITHMS, about="ID tokens must be encrypted like this."
    ),
    SettingSpec("id_token_encrypted_response_enc", values=CONTENT_ALGORITHMS, about="A128CBC-HS256 if not set."),
    SettingSpec("userinfo_signed_response_alg", values=SIGNATURES, about="UserInfo must be signed like this."),
    SettingSpec("response_mode", values=("query", "form_post"), about="How the browser comes back."),
    SettingSpec(
        "prompt", example="select_account", about="What the provider asks the person unless a login needs another."
    ),
    SettingSpec(
        "frontchannel_logout",
        type="boolean",
        about="Whether the provider ends sessions here from within browsers: whoever knows a session's id there can too.",
    ),
    SettingSpec("registration_client_uri", about="Where our registration can be ended; from `idp add --register`."),
    SettingSpec("registration_access_token", secret=True, about="The token for that."),
    SettingSpec(
        "client_secret_expires_at",
        type="integer",
        about="When the client secret ends, in seconds since the epoch; `idp test` warns of it.",
    ),
)


def assertion_alg_of(provider: IdentityProvider, metadata: Metadata) -> str:
    """What client assertions are signed with: as set, or the first of ours that the provider takes; else RS256."""
    if alg := provider.setting("token_endpoint_auth_signing_alg"):
        return alg
    supported = metadata.token_auth_algorithms or ()
    return next((alg for alg in _ASSERTION_ALGORITHMS if alg in supported), "RS256")


@dataclass(frozen=True, slots=True)
class Client:
    """The settings of a provider, with what its dialect presets."""

    provider: IdentityProvider
    dialect: Dialect
    host: Host

    def check(self, now: int) -> None:
        """Return if the settings fit together. Raises Misconfigured; nothing is sent."""
        setting, name = self.provider.setting, "id_token_encrypted_response_alg"
        if setting("id_token_encrypted_response_enc") and not setting(name):
            raise Misconfigured(f"{name} is missing beside id_token_encrypted_response_enc", setting=name)
        secret = self.secret(now)
        if self.hmac_secret_needed() and len(secret.encode()) < SHORTEST_SECRET:
            text = f"{setting('id_token_signed_response_alg')} needs a client_secret of {SHORTEST_SECRET} characters or more"
            raise Misconfigured(text, setting="client_secret")
        method = setting("token_endpoint_auth_method") or self.dialect.auth_method
        if method.startswith("client_secret") and not secret:
            raise Misconfigured("there is no client_secret", setting="client_secret")

    def hmac_secret_needed(self) -> bool:
        """Whether the settings ask for ID tokens signed with the client secret."""
        return self.provider.setting("id_token_signed_response_alg") in HMACS

    def secret(self, now: int) -> str:
        """The client secret; "" if there is none. Raises Misconfigured."""
        return self.dialect.secret(now) if self.dialect.secret else self.host.secrets.open("client_secret")

    def auth_method(self, metadata: Metadata, now: int) -> str:
        """How the client proves itself."""
        asked = self.provider.setting("token_endpoint_auth_method") or self.dialect.auth_method
        return choose(asked, metadata.token_auth_methods, has_secret=bool(self.secret(now)))

    async def proof(self, metadata: Metadata, now: int) -> Proof:
        """The proof for a request to the token endpoint. Raises Misconfigured."""
        method = self.auth_method(metadata, now)
        by_url = self.provider.setting("client_assertion_audience") == "token_endpoint"
        assertions = Assertions(self.assertion_alg(metadata), metadata.token_endpoint if by_url else metadata.issuer)
        client_id = self.provider.client_id
        return await prove(method, client_id, self.secret(now), self.host, now, assertions=assertions)

    def assertion_alg(self, metadata: Metadata) -> str:
        """What client assertions are signed with."""
        return assertion_alg_of(self.provider, metadata)

    def algorithms(self, metadata: Metadata) -> frozenset[str]:
        """What an ID token may be signed with (RFC 8725 3.1). Raises BadAnswer if nothing is left."""
        if alg := self.provider.setting("id_token_signed_response_alg"):
            return frozenset({"EdDSA", "Ed25519"} if alg in {"EdDSA", "Ed25519"} else {alg})
        if self.dialect.algorithms:
            return frozenset(self.dialect.algorithms)
        if metadata.signing_algorithms is None:
            return frozenset({"RS256"})  # OpenID Connect Dynamic Client Registration 2: the default
        if found := frozenset(metadata.signing_algorithms).intersection(SIGNATURES):
            return found
        raise BadAnswer("the provider signs ID tokens with nothing that may be believed here")

    def encryption(self) -> tuple[str, str]:
        """The algorithms with which ID tokens must be encrypted; empty if they must not be."""
        alg = self.provider.setting("id_token_encrypted_response_alg")
        return alg, self.provider.setting("id_token_encrypted_response_enc") or "A128CBC-HS256" if alg else ""

    def posts_back(self) -> bool:
        """Whether the browser is to come back by POST."""
        return self.dialect.posts_back or self.provider.setting("response_mode") == "form_post"
