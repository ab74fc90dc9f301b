"""The cases: what is fired at whom, and what the result is held against.

The yardstick of a case is the contender its `floor` names. `asked` is the least share of it that we promise, `goal` what
we aim at; a case without `asked` is shown for comparison.
"""

from dataclasses import dataclass
from functools import partial

import contenders
from contenders import Gun, Make
from load import Contender
from targets import Target


@dataclass(frozen=True, slots=True)
class Case:
    """One endpoint under one circumstance.

    Args:
        kind: of request.
        roles: who runs it, by role, with the target that plays the role.
        quick: whether a quick run has it.
    """

    key: str
    title: str
    kind: str
    roles: dict[str, str]
    alg: str = "ES256"
    asked: float | None = None
    goal: float | None = None
    floor: str = "floor"
    quick: bool = True

    def make(self, gun: Gun, targets: dict[str, Target]) -> dict[str, Make]:
        """For each role whose target is there, what makes its contender."""
        return {
            role: partial(self._contender, gun, role, targets.get(name))
            for role, name in self.roles.items()
            if name in targets or role == "bare"
        }

    def _contender(self, gun: Gun, role: str, target: Target | None) -> tuple[Contender, int]:
        if target is None:
            return contenders.bare_argon2id(gun.cores, role)
        match self.kind:
            case "discovery":
                return contenders.document(gun, role, target, target.discovery)
            case "jwks":
                return contenders.document(gun, role, target, target.jwks)
            case "client_credentials":
                return contenders.client_credentials(gun, role, target, self.alg)
            case "code":
                return contenders.code(gun, role, target, self.alg)
            case "refresh":
                return contenders.refresh(gun, role, target, self.alg)
            case "userinfo":
                return contenders.userinfo(gun, role, target)
            case "password":
                return (contenders.password if role == "ours" else contenders.bare_login)(gun, role, target)
            case "login":
                return (contenders.login if role == "ours" else contenders.bare_login)(gun, role, target)
            case kind if kind.startswith("busy "):
                beside = contenders.busy if role == "ours" else contenders.quiet
                return beside(gun, role, target, kind.removeprefix("busy "))
        raise AssertionError(self.kind)


_PEER = {"ours": "ours", "floor": "floor", "peer": "peer"}
_ALL = {"ours": "ours", "floor": "floor", "starlette": "starlette", "peer": "peer"}
_POSTGRES = {"ours": "ours-postgres", "floor": "floor-postgres"}
_LOGIN = {"ours": "ours", "bare": "bare", "floor": "floor"}
_BUSY = {"ours": "ours", "quiet": "ours"}

CASES = (
    Case("discovery", "discovery", "discovery", _PEER, asked=0.6, goal=0.85),
    Case("jwks", "JWKS", "jwks", _ALL, asked=0.6, goal=0.85),
    Case("client-credentials-es256", "client_credentials ES256", "client_credentials", _ALL, asked=0.5, goal=0.6),
    Case("client-credentials-rs256", "client_credentials RS256", "client_credentials", _PEER, "RS256"),
    Case("code-es256", "code exchange ES256, SQLite", "code", _PEER, asked=0.3, goal=0.55),
    Case("refresh-es256", "refresh ES256, SQLite", "refresh", _PEER, asked=0.3, goal=0.55),
    Case("code-es256-postgres", "code exchange ES256, PostgreSQL", "code", _POSTGRES, asked=0.3, goal=0.55),
    Case("refresh-es256-postgres", "refresh ES256, PostgreSQL", "refresh", _POSTGRES, asked=0.3, goal=0.55),
    Case("code-rs256", "code exchange RS256, SQLite", "code", _PEER, "RS256", quick=False),
    Case("refresh-rs256", "refresh RS256, SQLite", "refresh", _PEER, "RS256", quick=False),
    Case("userinfo", "userinfo with a JWT", "userinfo", _PEER, asked=0.55, goal=0.7),
    Case("password", "password endpoint (F: bare Argon2id)", "password", _LOGIN, asked=0.85, floor="bare"),
    Case("login", "password login, whole (F: bare Argon2id)", "login", _LOGIN, asked=0.85, floor="bare"),
    Case("busy-jwks", "JWKS beside hashings (F: without)", "busy jwks", _BUSY, asked=0.9, floor="quiet"),
    Case("busy-refresh", "refresh beside hashings (F: without)", "busy refresh", _BUSY, asked=0.9, floor="quiet"),
    Case("busy-userinfo", "userinfo beside hashings (F: without)", "busy userinfo", _BUSY, asked=0.9, floor="quiet"),
)
