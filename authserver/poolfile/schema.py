"""The JSON Schema of pool files, made from the models that check them, for editors."""

import json
from functools import reduce
from operator import or_
from typing import Any

from pydantic import Field, create_model

from authserver.poolfile.client_model import PoolFileModel
from authserver.poolfile.provider_model import provider_models


def pool_schema() -> dict[str, Any]:
    """The schema as a JSON value (JSON Schema draft 2020-12)."""
    provider: Any = reduce(or_, provider_models())
    about = PoolFileModel.model_fields["identity_providers"].description
    whole = create_model(
        "PoolFileModel",
        __base__=PoolFileModel,
        __doc__=PoolFileModel.__doc__,
        identity_providers=(list[provider], Field(default=[], description=about)),
    )
    schema = whole.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_tidy(schema)}


def pool_schema_text() -> str:
    """The schema as it is kept in `config/pool.schema.json`."""
    return json.dumps(pool_schema(), indent=2, ensure_ascii=False) + "\n"


def _tidy(node: Any) -> Any:
    """Without what only repeats a key (generated titles) and without null: TOML has none."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    tidy = {k: _tidy(v) for k, v in node.items() if not (k == "title" and isinstance(v, str))}
    if tidy.get("default", ...) is None:
        del tidy["default"]
    options = tidy.get("anyOf")
    if isinstance(options, list) and {"type": "null"} in options:
        left = [o for o in options if o != {"type": "null"}]
        del tidy["anyOf"]
        tidy = {**left[0], **tidy} if len(left) == 1 else {**tidy, "anyOf": left}
    return tidy
