"""Encrypted tokens (RFC 7516): decrypted with the keys that this provider was given for us, and nothing else.

Which algorithms may occur is said by the settings, never by the token. RSA1_5, direct and password-based keys and compression
are not there at all (RFC 8725 3.2; CVE-2026-27932).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from federation.connectors.calls import LONGEST_TOKEN
from federation.errors import BadAnswer, Misconfigured
from federation.ports import Host
from resource_servers.encoding import decode_base64url, parse_json_object

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, RSAKey

KEY_ALGORITHMS = ("RSA-OAEP", "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW")
CONTENT_ALGORITHMS = ("A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A128GCM", "A192GCM", "A256GCM")

_UNIFORM = "an encrypted token cannot be decrypted with our keys"


def is_encrypted(token: str) -> bool:
    """Whether it has the five parts of a JWE in compact form (RFC 7516 9)."""
    return token.count(".") == 4


async def decrypt(token: str, host: Host, *, alg: str, enc: str) -> str:
    """The signed token inside.

    Raises BadAnswer, for whatever is wrong with the same words; Misconfigured if no key of ours is for `alg`.
    """
    if len(token) > 2 * LONGEST_TOKEN or not is_encrypted(token):
        raise BadAnswer("the token is not encrypted, although encryption is set up")
    pairs = [pair.private_key for pair in await host.key_pairs.current()]
    return await host.work(lambda: _decrypted(token, pairs, alg, enc))


async def public_keys(host: Host, *, alg: str) -> list[dict[str, str]]:
    """The public parts of our keys for `alg`, as the provider needs them (RFC 7517)."""
    pairs = [pair.private_key for pair in await host.key_pairs.current()]
    return await host.work(lambda: [_public(key, alg) for key in _fitting(pairs, alg)])


def _public(key: "RSAKey | ECKey", alg: str) -> dict[str, str]:
    public = {name: str(value) for name, value in key.as_dict(private=False).items()}
    return {**public, "kid": key.thumbprint(), "use": "enc", "alg": alg}


def _fitting(private_keys: Sequence[str], alg: str) -> "list[RSAKey | ECKey]":
    return [key for key in map(_imported, private_keys) if (key.key_type == "RSA") == alg.startswith("RSA")]


def _decrypted(token: str, private_keys: Sequence[str], alg: str, enc: str) -> str:
    from joserfc import jwe
    from joserfc.errors import JoseError

    try:
        header = parse_json_object(decode_base64url(token.partition(".")[0].encode()))
    except ValueError:
        raise BadAnswer(_UNIFORM) from None
    if header.get("alg") != alg or header.get("enc") != enc or "zip" in header or "crit" in header:
        raise BadAnswer(f"the token is not encrypted with {alg} and {enc}")
    fitting = _fitting(private_keys, alg)
    if not fitting:
        raise Misconfigured(f"there is no key pair of ours for {alg}", setting="id_token_encrypted_response_alg")
    # Header parameters that nobody knows are passed over (RFC 7516 4), such as the copies of claims of RFC 7519 5.3.
    registry = jwe.JWERegistry(algorithms=[alg, enc], strict_check_header=False)
    registry.max_ciphertext_length = 2 * LONGEST_TOKEN
    for key in fitting:
        try:
            plain = jwe.decrypt_compact(token, key, registry=registry).plaintext
            return (plain or b"").decode("ascii")
        except (JoseError, ValueError, TypeError, KeyError):
            continue  # another of our keys may be meant
    raise BadAnswer(_UNIFORM)


@lru_cache(maxsize=64)
def _imported(private_key: str) -> "RSAKey | ECKey":
    """A key is read once: reading RSA takes tens of milliseconds."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from joserfc.jwk import ECKey, RSAKey

    is_rsa = isinstance(load_pem_private_key(private_key.encode(), None), rsa.RSAPrivateKey)
    return RSAKey.import_key(private_key) if is_rsa else ECKey.import_key(private_key)
