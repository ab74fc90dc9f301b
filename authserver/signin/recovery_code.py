"""The code by which a forgotten password is replaced: where it goes, and the same for names that nobody has."""

from collections.abc import Callable

from authserver.accounts.mail_codes import MailCodes
from authserver.model.credentials import Medium, SentCode
from authserver.model.pools import Pool
from authserver.model.users import User

RECOVER_PAGE = "recover"
"""The page behind the link in the message."""


async def send_recovery_code(
    codes: MailCodes,
    pool: Pool,
    user: User | None,
    identifier: str,
    medium: Medium | None,
    *,
    binding: str,
    language: str,
    client_name: str,
    device: str | None,
    link: Callable[[str], str],
) -> SentCode:
    """Send a code to a proven address of the user; to nobody, if there is none.

    Args:
        user: None if nobody has the name.
        identifier: the name that was typed.
        medium: how, if the pool does it that way. Chosen without a look at the user: where the code goes must not tell
            what is known of whom.
        binding: the sign-in.
        language: that the person reads.
        client_name: of the client whose sign-in it is.
        device: the browser, if it signed the user in before.
        link: makes the address of the page behind the link from its token; it is good in any browser.

    Raises:
        Throttled: asked for too soon or too often.
    """
    way = medium if medium in pool.recovery.by else pool.recovery.by[0]
    target = proven_address(user, way)
    return await codes.send(
        pool,
        purpose="recover",
        user=user if target is not None else None,
        medium=way,
        target=target or identifier,
        binding=binding,
        language=language,
        client_name=client_name,
        device=device,
        link=link,
        typed=identifier,
    )


def proven_address(user: User | None, medium: Medium) -> str | None:
    """Where a code may go: an address that is proven."""
    if user is None:
        return None
    if medium == "email":
        return user.email if user.email_verified else None
    return user.phone_number if user.phone_number_verified else None
