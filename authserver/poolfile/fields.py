"""The kinds of values that keys of a pool file take, with their JSON Schema."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    PlainValidator,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from authserver.model.clients import redirect_uri_fault
from authserver.rules import names
from authserver.rules.addresses import normal_email, normal_phone_number
from authserver.rules.attributes import attribute_name_fault
from authserver.tomlfile import Secret, format_duration, parse_duration
from authserver.tomlfile.values import DURATION_PATTERN, LONGEST_DURATION, read_secret

STRICT = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True)


_DOMAIN = re.compile(r"(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_ACR = re.compile(r"[!#-\[\]-~]{1,64}")
_CALLABLE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True)
class Seconds:
    """An annotation of `int`: a duration between two bounds, in seconds."""

    at_least: int = 0
    at_most: int = LONGEST_DURATION

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._parse)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        number = {"type": "integer", "minimum": self.at_least, "maximum": self.at_most}
        return {"anyOf": [number, {"type": "string", "pattern": DURATION_PATTERN}]}

    def _parse(self, value: object) -> int:
        seconds = parse_duration(value)
        if seconds < self.at_least:
            raise ValueError(f"must be at least {format_duration(self.at_least)}")
        if seconds > self.at_most:
            raise ValueError(f"must be at most {format_duration(self.at_most)}")
        return seconds


def not_yet(feature: str, *accepts: object) -> Any:
    """A validator for a key of the contract whose feature this version does not have: only the values that ask nothing
    of it pass. A setting that is silently ignored would be worse than one that is refused.
    """

    def check(value: object) -> object:
        if any(value == a and isinstance(value, type(a)) for a in accepts):
            return value
        hint = "only " + " or ".join(_spelled(a) for a in accepts) + " is accepted" if accepts else "leave it out"
        raise ValueError(f"asks for {feature}, which this version does not have yet; {hint}")

    return BeforeValidator(check)


def _spelled(value: object) -> str:
    """As TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).replace("'", '"') if isinstance(value, (int, list)) else f'"{value}"'


def _secret(value: object, info: ValidationInfo) -> Secret:
    context: dict[str, Any] = info.context or {}
    return read_secret(value, context["folder"], context["environ"])


def _reference(name: str, what: str) -> dict[str, object]:
    properties = {name: {"type": "string", "description": what}}
    return {"type": "object", "properties": properties, "required": [name], "additionalProperties": False}


_SECRET_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        _reference("env", "The name of an environment variable that holds the secret."),
        _reference("file", "The path of a file that holds the secret, relative to this file."),
    ]
}
SecretField = Annotated[Secret, PlainValidator(_secret), WithJsonSchema(_SECRET_SCHEMA)]


def _ruled(fault: Callable[[str], str | None]) -> AfterValidator:
    def check(value: str) -> str:
        found = fault(value)
        if found is not None:
            raise ValueError(found)
        return value

    return AfterValidator(check)


def _web_page_fault(value: str) -> str | None:
    fine = value.startswith(("https://", "http://")) and redirect_uri_fault(value) is None
    return None if fine else "must be an https URL, or http on loopback"


def _json_value(value: object) -> object:
    """A TOML value as the JSON value that is stored: a date and time becomes its RFC 3339 text."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, dict) and all(isinstance(v, str) for v in value.values()):
        return value
    raise ValueError("must be text, a number, true or false, a date and time, or a table of text")


def _moment(value: object) -> int:
    """A TOML date and time, or its RFC 3339 text, in seconds."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        moment = None
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise ValueError("must be a date and time with its offset, such as 2026-01-31T00:00:00Z")
    return int(moment.timestamp())


def _domain_fault(value: str) -> str | None:
    return None if _DOMAIN.fullmatch(value) else "must be a domain name in lower case, such as example.com"


def _acr_fault(value: str) -> str | None:
    return None if _ACR.fullmatch(value) else "must be 1 to 64 printable ASCII characters without space or quote"


def _callable_fault(value: str) -> str | None:
    return None if _CALLABLE.fullmatch(value) else "must be module:name, such as acme.auth:check"


PoolId = Annotated[str, _ruled(names.pool_id_fault)]
Named = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
Label = Annotated[str, _ruled(lambda value: names.text_fault(value, 200))]
Sentence = Annotated[str, _ruled(lambda value: names.text_fault(value, 1000))]
Username = Annotated[str, _ruled(names.username_fault)]
GroupName = Annotated[str, _ruled(names.group_name_fault)]
ClientId = Annotated[str, _ruled(names.client_id_fault)]
Identifier = Annotated[str, _ruled(names.identifier_fault)]
ScopeName = Annotated[str, _ruled(names.scope_name_fault)]
AttributeName = Annotated[str, _ruled(attribute_name_fault)]
Language = Annotated[str, _ruled(names.language_fault)]
WebPage = Annotated[str, _ruled(_web_page_fault)]
Domain = Annotated[str, _ruled(_domain_fault)]
AcrValue = Annotated[str, _ruled(_acr_fault)]
Callable_ = Annotated[str, _ruled(_callable_fault)]
Email = Annotated[str, AfterValidator(normal_email)]
PhoneNumber = Annotated[str, AfterValidator(normal_phone_number)]
Moment = Annotated[int, PlainValidator(_moment), WithJsonSchema({"type": "string"})]
AttributeValue = Annotated[
    Any, PlainValidator(_json_value), WithJsonSchema({"type": ["string", "number", "boolean", "object"]})
]
