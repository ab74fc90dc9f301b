"""A validator for the part of JSON Schema that our schema uses. A keyword it does not know is an error, so that nothing
passes by being overlooked.
"""

import re
from collections.abc import Iterator
from typing import Any

_SAID = {"description", "examples", "default", "title", "$schema", "$defs"}
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def problems(value: Any, schema: dict[str, Any], root: dict[str, Any] | None = None, at: str = "$") -> Iterator[str]:
    """What is wrong with the value, with its place."""
    root = root or schema
    for keyword, rule in schema.items():
        if keyword in _SAID:
            continue
        if keyword == "$ref":
            yield from problems(value, root["$defs"][rule.removeprefix("#/$defs/")], root, at)
        elif keyword == "type":
            kinds = [rule] if isinstance(rule, str) else rule
            if not any(_is(value, kind) for kind in kinds):
                yield f"{at} is not {rule}"
        elif keyword == "anyOf":
            if all(any(True for _ in problems(value, option, root, at)) for option in rule):
                yield f"{at} fits no option"
        elif keyword in {"const", "enum"}:
            allowed = [rule] if keyword == "const" else rule
            if not any(value == a and type(value) is type(a) for a in allowed):
                yield f"{at} is not {rule}"
        elif keyword == "properties" and isinstance(value, dict):
            for name, inner in rule.items():
                if name in value:
                    yield from problems(value[name], inner, root, f"{at}.{name}")
        elif keyword == "required" and isinstance(value, dict):
            yield from (f"{at} lacks {name}" for name in rule if name not in value)
        elif keyword == "additionalProperties" and isinstance(value, dict):
            for name in value.keys() - schema.get("properties", {}).keys():
                if rule is False:
                    yield f"{at}.{name} is unknown"
                elif rule is not True:
                    yield from problems(value[name], rule, root, f"{at}.{name}")
        elif keyword == "propertyNames" and isinstance(value, dict):
            for name in value:
                yield from problems(name, rule, root, f"{at}.{name} as a name")
        elif keyword == "items" and isinstance(value, list):
            for i, item in enumerate(value):
                yield from problems(item, rule, root, f"{at}[{i}]")
        elif keyword in {"minItems", "maxItems", "minLength", "maxLength"}:
            size = len(value) if isinstance(value, (list, str)) else rule
            if (size < rule) if keyword.startswith("min") else (size > rule):
                yield f"{at} breaks {keyword}"
        elif keyword in {"minimum", "maximum"}:
            number = value if _is(value, "number") else rule
            if (number < rule) if keyword == "minimum" else (number > rule):
                yield f"{at} breaks {keyword}"
        elif keyword == "pattern":
            if isinstance(value, str) and not re.search(rule, value):
                yield f"{at} breaks its pattern"
        elif keyword not in {"properties", "required", "additionalProperties", "items"}:
            raise AssertionError(f"the schema uses {keyword}, which this validator does not know")


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
