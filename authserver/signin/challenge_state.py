"""How far a custom sign-in has come: what was answered, and what is asked; sealed into the sign-in that it belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import orjson

from authserver.crypto.sealing import Sealer, Unsealable
from authserver.crypto.secrets import b64url, b64url_decode
from authserver.errors import TriggerFailed
from authserver.model.pools import Pool
from authserver.model.sessions import Proof, SignIn
from authserver.triggers.answers import Challenge
from authserver.triggers.challenge_points import ChallengeResult

MOST_ROUNDS = 20
"""Challenges in one sign-in; with more the authentication fails."""

MOST_QUESTION = 1000
MOST_IMAGE = 64 * 1024
MOST_PRIVATE = 16 * 1024
MOST_METADATA = 2048
"""Characters of what a trigger may have us keep; `MOST_PRIVATE` counts names and values together."""

_OURS = frozenset({"SRP_A"})


def begun_key(who: str, device: str | None) -> str:
    """What beginnings are counted under: by name, and apart for a browser that signed the user in before."""
    return f"custom begun {who} {device or ''}"


@dataclass(frozen=True, slots=True)
class Question:
    """What the person sees, from the challenge's public parameters `question`, `image` and `secret`."""

    question: str = ""
    image: str | None = None
    secret: bool = False


@dataclass(frozen=True, slots=True)
class ChallengeState:
    """`user_id` is whose name it was when it began, "" for nobody's. `results` are told to the triggers each time.

    `asks` is what is asked for now: an answer to `shown`, which `private` judges, or the password. `metadata` goes with
    the result. `password`: when the password was given, and when it had been set.
    """

    user_id: str
    results: tuple[ChallengeResult, ...] = ()
    asks: Literal["answer", "password"] = "answer"
    shown: Question = Question()
    private: Mapping[str, str] = field(default_factory=dict, repr=False)
    metadata: str | None = None
    password: tuple[int, int] | None = None

    @property
    def proves(self) -> bool:
        """Whether anything was answered rightly by the person."""
        return any(r.challenge_result and r.challenge_name not in _OURS for r in self.results)

    def proofs(self, now: int) -> tuple[Proof, ...]:
        """What it amounts to, once the triggers issue tokens."""
        given = (Proof("password", self.password[0], stamp=self.password[1]),) if self.password is not None else ()
        return (*given, Proof("custom", now))

    def answered(self, name: str, *, right: bool, password: tuple[int, int] | None = None) -> "ChallengeState":
        """With one more result; nothing is asked any more."""
        metadata = self.metadata if name == "CUSTOM_CHALLENGE" else None
        results = (*self.results, ChallengeResult(name, right, metadata))
        return ChallengeState(self.user_id, results, password=password or self.password)

    def asking_password(self) -> "ChallengeState":
        return replace(self, asks="password")


def asked_of(state: ChallengeState, challenge: Challenge) -> ChallengeState:
    """The state that asks this challenge. Raises TriggerFailed if it is too large to be kept."""
    public, private = challenge.public_parameters, challenge.private_parameters
    image = public.get("image")
    sizes = (
        ("privateChallengeParameters", sum(len(k) + len(v) for k, v in private.items()), MOST_PRIVATE),
        ("challengeMetadata", len(challenge.metadata or ""), MOST_METADATA),
        ("publicChallengeParameters.question", len(public.get("question", "")), MOST_QUESTION),
        ("publicChallengeParameters.image", len(image or ""), MOST_IMAGE),
    )
    for name, size, most in sizes:
        if size > most:
            raise TriggerFailed(detail=f"`{name}` in the response has {size} characters; {most} are taken")
    shown = Question(public.get("question", ""), image or None, public.get("secret") == "true")
    return replace(state, asks="answer", shown=shown, private=dict(private), metadata=challenge.metadata)


class ChallengeStates:
    """Seals states into sign-ins."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def with_state(self, pool: Pool, sign_in: SignIn, state: ChallengeState) -> SignIn:
        """The sign-in with this state."""
        sealed = b64url(self._sealer.seal(orjson.dumps(state, default=dict), _record(pool, sign_in)))
        return replace(sign_in, method="custom", custom=sealed, custom_asks=state.asks)

    def of(self, pool: Pool, sign_in: SignIn) -> ChallengeState | None:
        """The state; None if there is none, or it is another sign-in's."""
        try:
            opened = orjson.loads(self._sealer.open(b64url_decode(sign_in.custom or ""), _record(pool, sign_in)))
        except (ValueError, Unsealable):
            return None
        results = tuple(ChallengeResult(**result) for result in opened.pop("results"))
        password = opened.pop("password")
        return ChallengeState(
            **opened | {"shown": Question(**opened["shown"])},
            results=results,
            password=(password[0], password[1]) if password is not None else None,
        )

    def shown(self, pool: Pool, sign_in: SignIn) -> Question:
        """What the page shows; nothing but a field where the challenge cannot be read."""
        state = self.of(pool, sign_in)
        return state.shown if state is not None else Question()


def _record(pool: Pool, sign_in: SignIn) -> str:
    return f"sign_ins/{pool.id}/{sign_in.id}/custom"
