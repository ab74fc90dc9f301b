"""Every hosted page in every state, for the tests that go through all of them and for the gallery."""

from functools import cache

from authserver.pages.views import PageContext
from tests.pages.outline import Outline
from tests.pages.samples import RENDERER, State, context
from tests.pages.states_account import ACCOUNT
from tests.pages.states_core import CORE
from tests.pages.states_sign_in import SIGN_IN
from tests.pages.states_sign_up import SIGN_UP

VIEWS: dict[str, State] = {**CORE, **SIGN_IN, **SIGN_UP, **ACCOUNT}


@cache
def html(name: str, language: str = "en") -> str:
    view, changes = VIEWS[name]
    return RENDERER.render(view, context(language, **changes))


@cache
def outline(name: str, language: str = "en") -> Outline:
    """The page, parsed; to be read only."""
    return Outline(html(name, language))


def context_of(name: str, language: str = "en") -> PageContext:
    return context(language, **VIEWS[name][1])
