"""Fields that a pool's schema gives to forms, as pages show them."""

from collections.abc import Callable, Iterable

from authserver.errors import InvalidForm, Refusal
from authserver.pages.views import FieldView
from authserver.rules.fields import Field
from authserver.web import Params

LONGEST = 2048
"""Characters of a value that is shown again."""


def field_views(
    fields: Iterable[Field], refusal: Refusal | None, value_of: Callable[[Field], str]
) -> tuple[FieldView, ...]:
    """The fields of a form, saying what was wrong with what was sent.

    Args:
        refusal: what was refused, if anything.
        value_of: what stands in a field.
    """
    found = refusal.faults if isinstance(refusal, InvalidForm) else ()
    codes = {name: code for name, code, _ in found}
    sentences = {name: sentence for name, _, sentence in found}
    return tuple(
        FieldView(
            name=field.name,
            kind=field.kind,
            required=field.required,
            value=value_of(field)[:LONGEST],
            fault=codes.get(field.name),  # type: ignore[arg-type]  # the codes of rules.fields are those of views
            sentence=sentences.get(field.name, ""),
            minimum=field.minimum,
            maximum=field.maximum,
            fixed=field.fixed,
        )
        for field in fields
    )


def typed(form: Params | None) -> Callable[[Field], str]:
    """What was sent for a field; nothing where there is no form."""
    return lambda field: (form.get(field.name) or "") if form is not None else ""
