"""Addresses shown to those who may not know them: enough to recognise one's own, too little to learn another's."""

from authserver.model.credentials import Medium
from authserver.model.users import fold

HIDDEN = "\u2022"


def mask(target: str, medium: Medium) -> str:
    """`a•••@e••••.com` for an address, `•••• 34` for a number.

    How long the hidden part is does not show, nor how the address is spelled: it must look the same whether it comes
    from an account or from what was typed. What is no address is hidden whole.
    """
    target = fold(target)
    if medium == "sms":
        digits = [c for c in target if c.isdigit()]
        # Of a very short number two digits would be too much.
        return f"{HIDDEN * 4} {''.join(digits[-2:])}" if len(digits) > 4 else HIDDEN * 4
    local, at, domain = target.rpartition("@")
    if not at or not local or not domain:
        return HIDDEN * 4
    name, dot, top = domain.rpartition(".")
    first = local[0] if len(local) > 1 else ""
    host = f"{name[0]}{HIDDEN * 4}.{top}" if dot and name else HIDDEN * 4
    return f"{first}{HIDDEN * 3}@{host}"
