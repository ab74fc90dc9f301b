"""AWS Signature Version 4 for one POST. https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class AwsKey:
    """An access key, and what it signs for."""

    key_id: str
    secret: str = field(repr=False)
    region: str
    service: str


def signed(key: AwsKey, host: str, path: str, headers: Mapping[str, str], body: bytes, at: float) -> dict[str, str]:
    """The headers of a POST without a query, with `X-Amz-Date` and `Authorization` added.

    Args:
        key: who signs.
        host: as it stands in the Host header, which is signed and sent by the client.
        path: already encoded.
        headers: those to sign besides.
        body: what is sent.
        at: now, in seconds since the epoch.
    """
    moment = datetime.fromtimestamp(int(at), UTC)
    stamp, day = moment.strftime("%Y%m%dT%H%M%SZ"), moment.strftime("%Y%m%d")
    lines = {"host": host, "x-amz-date": stamp} | {name.lower(): value.strip() for name, value in headers.items()}
    names = ";".join(sorted(lines))
    canonical = "\n".join(
        (
            "POST",
            path,
            "",
            *(f"{name}:{lines[name]}" for name in sorted(lines)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        )
    )
    scope = f"{day}/{key.region}/{key.service}/aws4_request"
    to_sign = "\n".join((ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    signing = f"AWS4{key.secret}".encode()
    for part in (day, key.region, key.service, "aws4_request"):
        signing = hmac.new(signing, part.encode(), hashlib.sha256).digest()
    proof = hmac.new(signing, to_sign.encode(), hashlib.sha256).hexdigest()
    authorization = f"{ALGORITHM} Credential={key.key_id}/{scope}, SignedHeaders={names}, Signature={proof}"
    return {**headers, "X-Amz-Date": stamp, "Authorization": authorization}
