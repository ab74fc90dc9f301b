"""What needs no server: validation of access tokens beside its floors, and bare argon2id. Prints JSON.

    in_process.py validate ROUNDS SECONDS      validations a second, each round one turn of every contender
    in_process.py argon2id SECONDS             password verifications a second, one thread

Start it pinned to the server's core.
"""

import argparse
import json
import time
from collections.abc import Callable

import jwt
import scene
from argon2 import PasswordHasher
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from authserver.crypto.passwords import LANES, MEMORY_KIB, TIME_COST
from authserver.crypto.secrets import b64url_decode
from authserver.crypto.signing import Signer, generate, public
from resource_servers.tokens import VerificationKeys, validate_access_token

ISSUER = f"https://login.example/{scene.POOL}"


def hasher() -> PasswordHasher:
    """With the parameters of our server."""
    return PasswordHasher(time_cost=TIME_COST, memory_cost=MEMORY_KIB, parallelism=LANES)


def rate(work: Callable[[], object], seconds: float) -> float:
    """Calls a second."""
    for _ in range(3):
        work()
    done, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        for _ in range(20):
            work()
        done += 20
    return done / passed


def verifiers(alg: str) -> dict[str, Callable[[], object]]:
    """Each checks one and the same access token, as our server issues it to a user."""
    jwk = generate(alg)
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "sub": "5f0c1c2e-9f0a-4c5b-8a53-0a4f6f3c8f10",
        "aud": [scene.API, ISSUER],
        "client_id": scene.web_client(alg),
        "scope": scene.WEB_SCOPE,
        "exp": now + 3600,
        "iat": now,
        "jti": "c5y3m9XvQk2Jr0aB.mL8sT1uW4yZ6xC9d",
        "auth_time": now,
        "acr": "urn:poolgate:acr:1",
        "amr": ["pwd"],
        "groups": ["staff"],
        "sid": "Jx3kQ9vLm2Tn8rWs5yUaBg",
    }
    token = Signer(jwk).sign("at+jwt", claims)
    keys = VerificationKeys.parse({"keys": [public(jwk)]})
    key = jwt.PyJWK(public(jwk)).key
    message, _, encoded = token.encode().rpartition(b".")
    bare = _bare(key, b64url_decode(encoded.decode()), message)
    return {
        "ours": lambda: validate_access_token(token, keys, issuer=ISSUER, audience=scene.API, now=time.time()),
        "bare": bare,
        "pyjwt": lambda: jwt.decode(token, key, [alg], audience=scene.API, issuer=ISSUER),
    }


def _bare(key: object, signature: bytes, message: bytes) -> Callable[[], object]:
    """The signature alone, by cryptography, everything else done beforehand."""
    sha256 = hashes.SHA256()
    if isinstance(key, rsa.RSAPublicKey):
        scheme = padding.PKCS1v15()
        return lambda: key.verify(signature, message, scheme, sha256)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    ecdsa = ec.ECDSA(sha256)
    return lambda: key.verify(der, message, ecdsa)


def validate(rounds: int, seconds: float) -> dict[str, list[dict[str, float]]]:
    """For each algorithm the rates of each round."""
    result = {}
    for alg in scene.ALGORITHMS:
        contenders = verifiers(alg)
        turns = []
        for number in range(rounds):
            names = list(contenders) if number % 2 == 0 else list(reversed(contenders))
            turns.append({name: rate(contenders[name], seconds) for name in names})
        result[alg] = turns
    return result


def argon2id(seconds: float) -> dict[str, float]:
    verify = hasher().verify
    encoded = hasher().hash(scene.PASSWORD)
    done, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        verify(encoded, scene.PASSWORD)
        done += 1
    return {"rate": done / passed, "requests": done}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tasks = parser.add_subparsers(dest="what", required=True)
    validating = tasks.add_parser("validate")
    validating.add_argument("rounds", type=int)
    validating.add_argument("seconds", type=float)
    tasks.add_parser("argon2id").add_argument("seconds", type=float)
    arguments = parser.parse_args()
    result: object = (
        validate(arguments.rounds, arguments.seconds) if arguments.what == "validate" else argon2id(arguments.seconds)
    )
    print(json.dumps(result))


if __name__ == "__main__":
    main()
