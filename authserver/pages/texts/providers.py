"""What is said when a sign-in at another provider brought nobody, by its code. `{provider}` is its name."""

from collections.abc import Mapping

from authserver.pages.texts.mark import gettext_noop

_UNVERIFIED = gettext_noop("What {provider} sent could not be verified, so nobody was signed in. Try again.")
_BROKEN = gettext_noop("Signing in with {provider} does not work here at the moment. Choose another way.")
_REFUSED = gettext_noop("This {provider} login cannot be used to sign in here.")

TROUBLES: Mapping[str, str] = {
    "provider_cancelled": gettext_noop("You came back from {provider} without signing in."),
    "provider_unavailable": gettext_noop("{provider} does not answer at the moment. Try again, or choose another way."),
    "provider_refused": gettext_noop("{provider} did not sign you in. Try again, or choose another way."),
    "provider_answer_invalid": _UNVERIFIED,
    "provider_answer_misdirected": _UNVERIFIED,
    "federation_failed": _UNVERIFIED,
    "provider_misconfigured": _BROKEN,
    "provider_gone": _BROKEN,
    "not_offered": _BROKEN,
    "not_known": gettext_noop("Nobody here has this {provider} login. Ask for an account first."),
    "provider_twice": gettext_noop("The account has another {provider} login already."),
    "too_many_links": gettext_noop("The account has as many linked logins as it may have."),
    "not_finished": gettext_noop("Signing in with {provider} could not be finished. Try again in a moment."),
    "changing": gettext_noop("Two sign-ins with {provider} came at the same time. Try again."),
}


def trouble(code: str) -> str:
    """The sentence, untranslated. What has no words of its own is only said to be impossible."""
    return TROUBLES.get(code, _REFUSED)
