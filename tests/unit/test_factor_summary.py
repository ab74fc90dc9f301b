"""Which factors a user has and may add, and what proofs are worth."""

from dataclasses import replace

import pytest

from authserver.model.credentials import Credential, CredentialKind
from authserver.model.pools import ACR_LEVELS, FactorKind, FirstFactor, MfaPolicy, Pool
from authserver.model.sessions import Proof, ProofMethod
from authserver.model.users import User
from authserver.signin.factors.summary import (
    MOST_PASSKEYS,
    MOST_TOTP,
    Summary,
    acr,
    amr,
    is_multi_factor,
    level,
    summarize,
)

ALL: tuple[FactorKind, ...] = ("totp", "email_code", "sms_code", "passkey", "backup_codes")
USER = User("u1", "p_A", "ada", "ada@example.com", True, "+821012345678", True)


def pool(*factors: FactorKind, first: tuple[FirstFactor, ...] = ("password",)) -> Pool:
    return Pool("p_A", "P", mfa=MfaPolicy("optional", factors, first))


def own(kind: CredentialKind, used: int | None = None, n: int = 0) -> Credential:
    return Credential(f"{kind} {n}", "p_A", "u1", kind, last_used_at=used)


# -------------------------------------------------------------------------------------------- has and may add


@pytest.mark.parametrize(
    ("policy", "credentials", "left", "usable", "enrollable", "preferred"),
    [
        (ALL, [], 0, (), ("passkey", "totp", "email_code", "sms_code"), None),
        (ALL, [own("totp")], 0, ("totp",), ("passkey", "totp", "email_code", "sms_code", "backup_codes"), "totp"),
        (ALL, [own("totp")], 7, ("totp", "backup_codes"), ("passkey", "totp", "email_code", "sms_code"), "totp"),
        (ALL, [], 3, ("backup_codes",), ("passkey", "totp", "email_code", "sms_code"), "backup_codes"),
        (ALL, [own("email_code")], 0, ("email_code",), ("passkey", "totp", "sms_code", "backup_codes"), "email_code"),
        (
            ALL,
            [own("email_code", 5), own("totp"), own("passkey")],
            0,
            ("passkey", "totp", "email_code"),
            ("passkey", "totp", "sms_code", "backup_codes"),
            "email_code",
        ),
        (("totp",), [own("passkey"), own("email_code")], 9, (), ("totp",), None),
        ((), [own("totp")], 9, (), (), None),
        (("backup_codes",), [], 0, (), (), None),
    ],
)
def test_what_a_user_has_and_may_add(
    policy: tuple[FactorKind, ...],
    credentials: list[Credential],
    left: int,
    usable: tuple[str, ...],
    enrollable: tuple[str, ...],
    preferred: str | None,
):
    found = summarize(pool(*policy), USER, credentials, left)
    assert (found.usable, found.enrollable, found.preferred) == (usable, enrollable, preferred)
    assert found.backup_codes_left == left


@pytest.mark.parametrize(
    ("used", "preferred"),
    [
        ({"totp": 5, "passkey": 9}, "passkey"),
        ({"totp": 9, "passkey": 5}, "totp"),
        ({"totp": 9, "passkey": 9}, "passkey"),
        ({"totp": None, "passkey": None}, "passkey"),
        ({"totp": 1, "passkey": None}, "totp"),
        ({"sms_code": 7, "email_code": 8}, "email_code"),
    ],
)
def test_the_factor_used_last_is_asked_for_first(used: dict[CredentialKind, int | None], preferred: str):
    assert summarize(pool(*ALL), USER, [own(k, at) for k, at in used.items()], 10).preferred == preferred


def test_of_several_of_a_kind_the_last_use_counts():
    credentials = [own("totp", 3, 1), own("totp", 9, 2), own("totp", None, 3), own("passkey", 8)]
    assert summarize(pool(*ALL), USER, credentials, 0).preferred == "totp"


@pytest.mark.parametrize(
    "user",
    [replace(USER, email=None), replace(USER, email_verified=False)],
    ids=["no address", "not verified"],
)
def test_no_code_is_sent_to_an_address_that_is_not_proven(user: User):
    found = summarize(pool(*ALL), user, [own("email_code"), own("sms_code")], 0)
    assert found.usable == ("sms_code",)
    assert "email_code" not in found.enrollable


@pytest.mark.parametrize(
    "user",
    [replace(USER, phone_number=None), replace(USER, phone_number_verified=False)],
    ids=["no number", "not verified"],
)
def test_no_code_is_sent_to_a_number_that_is_not_proven(user: User):
    found = summarize(pool(*ALL), user, [own("email_code"), own("sms_code")], 0)
    assert found.usable == ("email_code",)
    assert "sms_code" not in found.enrollable


@pytest.mark.parametrize(("kind", "most"), [("passkey", MOST_PASSKEYS), ("totp", MOST_TOTP), ("email_code", 1)])
def test_there_may_be_so_many_of_a_kind(kind: CredentialKind, most: int):
    credentials = [own(kind, n=n) for n in range(most)]
    assert kind in summarize(pool(*ALL), USER, credentials[1:], 0).enrollable
    assert kind not in summarize(pool(*ALL), USER, credentials, 0).enrollable


def test_a_passkey_that_only_begins_sign_ins_may_be_added_but_is_no_second_factor():
    found = summarize(pool("totp", first=("password", "passkey")), USER, [own("passkey")], 0)
    assert found == Summary((), ("passkey", "totp"), None, 0)


# --------------------------------------------------------------------------------------------------- worth


def given(*methods: str) -> tuple[Proof, ...]:
    """ "passkey!" made sure of its owner, "passkey#" is bound to its device too."""
    return tuple(
        Proof(m.rstrip("!#"), 1, verified=m[-1] in "!#", device_bound=m[-1] == "#")  # type: ignore[arg-type]
        for m in methods
    )


WORTH = [
    # proofs, level, two factors, amr
    ((), 0, False, ()),
    (("password",), 1, False, ("pwd",)),
    (("custom",), 1, False, ()),
    (("backup_codes",), 1, False, ("otp",)),
    (("device",), 0, False, ()),
    (("password", "device"), 1, False, ("pwd",)),
    (("password", "custom"), 1, False, ("pwd",)),
    (("email_code",), 2, False, ("email_otp",)),
    (("sms_code",), 2, False, ("sms",)),
    (("email_code", "sms_code"), 2, False, ("email_otp", "sms")),
    (("totp",), 2, False, ("otp",)),
    (("totp", "backup_codes"), 2, False, ("otp",)),
    (("passkey",), 3, False, ("swk", "user")),
    (("passkey!",), 3, True, ("swk", "user", "mfa")),
    (("passkey#",), 3, True, ("hwk", "user", "mfa")),
    (("password", "email_code"), 3, True, ("pwd", "email_otp", "mfa")),
    (("password", "sms_code"), 3, True, ("pwd", "sms", "mfa")),
    (("password", "backup_codes"), 3, True, ("pwd", "otp", "mfa")),
    (("email_code", "totp"), 3, True, ("email_otp", "otp", "mfa")),
    (("sms_code", "passkey"), 3, True, ("sms", "swk", "user", "mfa")),
    (("passkey", "totp"), 3, False, ("swk", "user", "otp")),
    (("passkey!", "totp"), 4, True, ("swk", "user", "otp", "mfa")),
    (("password", "totp"), 4, True, ("pwd", "otp", "mfa")),
    (("password", "passkey"), 4, True, ("pwd", "swk", "user", "mfa")),
    (("password", "passkey!"), 4, True, ("pwd", "swk", "user", "mfa")),
    (("passkey#", "password"), 4, True, ("hwk", "user", "pwd", "mfa")),
    (("password", "email_code", "totp"), 4, True, ("pwd", "email_otp", "otp", "mfa")),
    (("password", "password", "device"), 1, False, ("pwd",)),
]


@pytest.mark.parametrize(("proofs", "reached", "two", "values"), WORTH, ids=[" ".join(w[0]) or "-" for w in WORTH])
def test_what_proofs_are_worth(proofs: tuple[str, ...], reached: int, two: bool, values: tuple[str, ...]):
    assert level(given(*proofs)) == reached
    assert is_multi_factor(given(*proofs)) is two
    assert amr(given(*proofs)) == values


REGISTERED = {"hwk", "mfa", "otp", "pop", "pwd", "sms", "swk", "user"}  # of RFC 8176 2, those that we might say


def test_but_for_mailed_codes_all_values_are_registered():
    assert {value for row in WORTH for value in row[3]} - REGISTERED == {"email_otp"}


@pytest.mark.parametrize("more", ["password", "email_code", "totp", "passkey!", "backup_codes", "custom", "device"])
@pytest.mark.parametrize("proofs", [row[0] for row in WORTH], ids=[" ".join(row[0]) or "-" for row in WORTH])
def test_a_further_proof_never_lowers_the_level(proofs: tuple[str, ...], more: ProofMethod):
    assert level(given(*proofs, more)) >= level(given(*proofs))
    assert is_multi_factor(given(*proofs, more)) >= is_multi_factor(given(*proofs))


def test_levels_are_called_what_the_pool_calls_them():
    named = replace(pool(), mfa=MfaPolicy(acr_levels=("bronze", "silver", "gold", "platinum")))
    assert [acr(named, given(*m)) for m in (("password",), ("sms_code",), ("passkey",), ("password", "totp"))] == [
        *("bronze", "silver", "gold", "platinum")
    ]
    assert acr(pool(), given("password", "totp")) == ACR_LEVELS[3]
    assert acr(pool(), given("device")) == "0"
