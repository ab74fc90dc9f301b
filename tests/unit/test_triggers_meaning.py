"""What answers mean: for claims and scopes, for users of another system, for messages."""

from typing import Any

import pytest

from authserver.errors import TriggerFailed
from authserver.triggers.answers import ClaimChanges, GroupOverride, MessageTexts, Migration, TokenAmendment
from authserver.triggers.message_texts import FilledTexts, apply_custom_message
from authserver.triggers.token_amendment import FIXED, MOST_CHANGES, AmendedTokens, apply_pre_token
from authserver.triggers.user_attributes import MigratedUser, apply_user_migration
from authserver.triggers.veto import LONGEST_SENTENCE, plain_sentence

ACCESS: dict[str, object] = {
    "iss": "https://login.example.com/p_1",
    "sub": "u-1",
    "aud": ["https://orders.example"],
    "client_id": "web",
    "scope": "openid read",
    "exp": 2,
    "jti": "g.1",
    "groups": ["staff"],
    "sid": "s",
}
ID: dict[str, object] = {"iss": "https://login.example.com/p_1", "sub": "u-1", "aud": "web", "email": "a@b.example"}


def amended(amendment: TokenAmendment, profile: Any = "standard", **changes: Any) -> AmendedTokens:
    arguments: dict[str, Any] = {"access": ACCESS, "id_token": ID, "scopes": ("openid", "read"), "client_id": "web"}
    return apply_pre_token(amendment, profile=profile, **arguments | changes)


def test_nothing_said_changes_nothing() -> None:
    assert amended(TokenAmendment()) == AmendedTokens(ACCESS, ("openid", "read"), ID)
    assert amended(TokenAmendment(), id_token=None).id_token is None


def test_claims_are_added_replaced_and_taken_away_in_each_token_apart() -> None:
    found = amended(
        TokenAmendment(
            ClaimChanges({"email": "x@y.example", "custom:tier": "gold"}, ("absent",)),
            ClaimChanges({"tier": {"level": 3, "of": [1, 2]}}, ("nothing",)),
        )
    )
    assert found.id_token == ID | {"email": "x@y.example", "custom:tier": "gold"}
    assert found.access == ACCESS | {"tier": {"level": 3, "of": [1, 2]}}
    assert found.passed_over == ()
    gone = amended(TokenAmendment(ClaimChanges(suppress=("email",))))
    assert gone.id_token == {k: v for k, v in ID.items() if k != "email"}
    both = amended(TokenAmendment(ClaimChanges({"a": "b", "email": "x"}, ("a", "email"))))
    assert both.id_token == gone.id_token


@pytest.mark.parametrize("name", [*sorted(FIXED), "cognito:username", "cognito:groups", "cognito:anything"])
def test_what_others_rely_on_cannot_be_changed(name: str) -> None:
    access, id_token = ACCESS | {name: "ours"}, ID | {name: "ours"}
    for changes in (ClaimChanges({name: "theirs"}), ClaimChanges(suppress=(name,))):
        found = amended(
            TokenAmendment(changes, changes),
            access=access,
            id_token=id_token,
            scopes=tuple(str(access["scope"]).split()),
        )
        assert found.access == access
        assert found.id_token == id_token
        assert found.passed_over == (name,)
    absent = amended(
        TokenAmendment(ClaimChanges({name: "theirs"}), ClaimChanges({name: "theirs"})), access={}, id_token={}
    )
    assert (absent.access, absent.id_token) == ({}, {})


def test_the_fixed_claims_are_those_of_the_reference() -> None:
    assert {
        "acr", "amr", "at_hash", "auth_time", "azp", "exp", "iat", "iss", "jti", "nbf", "nonce", "origin_jti", "sub",
        "token_use", "identities", "username", "client_id", "event_id", "device_key", "version",
    } <= FIXED  # fmt: skip


def test_an_audience_may_be_added_to_the_access_token_only_and_only_the_client() -> None:
    client, other = ClaimChanges({"aud": "web"}), ClaimChanges({"aud": "other"})
    assert amended(TokenAmendment(access_token=client)).access["aud"] == ["https://orders.example", "web"]
    assert amended(TokenAmendment(access_token=client), access={"sub": "u"}).access["aud"] == "web"
    assert amended(TokenAmendment(access_token=client), access={"aud": "web"}).access["aud"] == ["web"]
    for amendment in (
        TokenAmendment(access_token=other),
        TokenAmendment(other),
        TokenAmendment(client),
        TokenAmendment(access_token=ClaimChanges({"aud": ["web", "other"]})),
        TokenAmendment(ClaimChanges(suppress=("aud",)), ClaimChanges(suppress=("aud",))),
    ):
        found = amended(amendment)
        assert (found.access, found.id_token, found.passed_over) == (ACCESS, ID, ("aud",))


def test_scopes_are_added_and_taken_away_and_the_claim_follows() -> None:
    changes = ClaimChanges(add_scopes=("https://orders.example/write", "openid"), suppress_scopes=("read", "absent"))
    found = amended(TokenAmendment(access_token=changes))
    assert found.scopes == ("openid", "https://orders.example/write")
    assert found.access["scope"] == "openid https://orders.example/write"
    assert amended(TokenAmendment(access_token=changes), access={}).access == {}


@pytest.mark.parametrize("scope", ["", "two words", "tab\t", 'quo"te', "back\\slash", "\u00e9", "line\n"])
def test_a_scope_that_cannot_be_written_is_a_refusal(scope: str) -> None:
    with pytest.raises(TriggerFailed):
        amended(TokenAmendment(access_token=ClaimChanges(add_scopes=(scope,))))


def test_too_many_changes_are_a_refusal() -> None:
    many = {f"c{n}": n for n in range(MOST_CHANGES)}
    assert len(amended(TokenAmendment(ClaimChanges(many))).id_token or {}) == MOST_CHANGES + len(ID)
    with pytest.raises(TriggerFailed):
        amended(TokenAmendment(ClaimChanges(many), ClaimChanges(suppress=("x",))))


def test_groups_are_overridden_as_the_profile_spells_them() -> None:
    override = TokenAmendment(groups=GroupOverride(("admins",), ("arn:1",), "arn:1"))
    found = amended(override)
    assert found.access == ACCESS | {"groups": ["admins"]}
    assert found.id_token == ID
    access = {"cognito:groups": ("staff",), "sub": "u"}
    id_token = {"cognito:groups": ("staff",), "cognito:roles": ["x"], "cognito:preferred_role": "x"}
    found = amended(override, "cognito", access=access, id_token=id_token)
    assert found.access == {"cognito:groups": ["admins"], "sub": "u"}
    assert found.id_token == {
        "cognito:groups": ["admins"],
        "cognito:roles": ["arn:1"],
        "cognito:preferred_role": "arn:1",
    }
    none = amended(TokenAmendment(groups=GroupOverride()), "cognito", access=access, id_token=id_token)
    assert (none.access, none.id_token) == ({"sub": "u"}, {})


def test_claims_that_came_in_stay_as_they_were() -> None:
    before = dict(ACCESS), dict(ID)
    amended(TokenAmendment(ClaimChanges({"a": "b"}), ClaimChanges({"aud": "web"}, ("groups",)), GroupOverride()))
    assert before == (ACCESS, ID)


# --- users of another system ----------------------------------------------------------------------------------------


def test_a_user_whom_the_other_system_knows_keeps_the_password() -> None:
    migration = Migration(
        {
            "email": "ada@example.com",
            "email_verified": "true",
            "phone_number": "+15550100200",
            "phone_number_verified": "False",
            "name": "Ada",
            "custom:old_id": "7",
            "sub": "theirs",
            "cognito:user_status": "CONFIRMED",
        },
        "CONFIRMED",
        "SUPPRESS",
    )
    assert apply_user_migration(migration, "Ada", "pa55") == MigratedUser(
        username="Ada",
        state="confirmed",
        password="pa55",
        email="ada@example.com",
        email_verified=True,
        phone_number="+15550100200",
        phone_number_verified=False,
        attributes={"name": "Ada", "custom:old_id": "7"},
    )


def test_without_attributes_there_is_no_such_user() -> None:
    assert apply_user_migration(Migration(), "ada", "pa55") is None


def test_a_password_to_be_replaced_is_not_kept() -> None:
    for migration, password in (
        (Migration({"username": "ada.l"}, "RESET_REQUIRED"), "pa55"),
        (Migration({"username": "ada.l"}, "CONFIRMED"), None),
        (Migration({"username": "ada.l"}), None),
    ):
        user = apply_user_migration(migration, "ada", password)
        assert user is not None
        assert (user.username, user.state, user.password) == ("ada.l", "reset_required", None)


def test_a_welcome_goes_out_unless_suppressed() -> None:
    for migration, welcome in (
        (Migration({"name": "x"}), ("SMS",)),
        (Migration({"name": "x"}, delivery_mediums=("EMAIL", "SMS")), ("EMAIL", "SMS")),
        (Migration({"name": "x"}, message_action="SUPPRESS", delivery_mediums=("EMAIL",)), ()),
    ):
        user = apply_user_migration(migration, "ada", "pa55")
        assert user is not None
        assert user.welcome == welcome


def test_a_truth_value_that_is_none_is_a_refusal() -> None:
    with pytest.raises(TriggerFailed):
        apply_user_migration(Migration({"email_verified": "yes"}), "ada", "pa55")


def test_the_password_of_a_migrated_user_is_in_no_representation() -> None:
    user = apply_user_migration(Migration({"name": "x"}), "ada", "pa55")
    assert user is not None
    assert user.password == "pa55"
    assert "pa55" not in repr(user)


# --- messages -------------------------------------------------------------------------------------------------------


def test_the_code_is_put_where_the_text_has_its_place() -> None:
    texts = MessageTexts("Code {####}", "<p>Hi {username}, <b>{####}</b></p>", "For {username}")
    assert apply_custom_message(texts, code="123456", username="<Ada> & co") == FilledTexts(
        "Code 123456", "<p>Hi &lt;Ada&gt; &amp; co, <b>123456</b></p>", "For <Ada> & co"
    )


def test_a_value_is_not_filled_in_again() -> None:
    texts = MessageTexts(email="{####} {username}", sms="{####} {username}")
    found = apply_custom_message(texts, code="{username}", username="{####}")
    assert (found.sms, found.email_html) == ("{username} {####}", "{username} {####}")


def test_a_text_without_a_place_for_the_code_is_a_refusal() -> None:
    for texts in (MessageTexts(sms="no code"), MessageTexts(email="no code"), MessageTexts(email="")):
        with pytest.raises(TriggerFailed):
            apply_custom_message(texts, code="123456")
    assert apply_custom_message(MessageTexts(sms="no code"), code=None) == FilledTexts(sms="no code")


def test_where_the_trigger_says_nothing_our_text_stands() -> None:
    assert apply_custom_message(MessageTexts(), code="1") == FilledTexts()
    assert apply_custom_message(MessageTexts(sms="{####}"), code="1") == FilledTexts(sms="1")


# --- vetoes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Ask your manager first.", "Ask your manager first."),
        ("  two\r\nlines\t and  spaces ", "two lines and spaces"),
        ("a\x00b\x1b[31mc\u202ed\u200be\ufefff", "ab[31mcdef"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),  # plain: templates escape it
        (
            "\ub2f4\ub2f9\uc790\uc5d0\uac8c \ubb38\uc758\ud558\uc138\uc694",
            "\ub2f4\ub2f9\uc790\uc5d0\uac8c \ubb38\uc758\ud558\uc138\uc694",
        ),
        ("\u200b\x00", ""),
    ],
)
def test_a_veto_is_one_plain_sentence(text: str, sentence: str) -> None:
    assert plain_sentence(text) == sentence


def test_a_veto_is_bounded() -> None:
    assert plain_sentence("x" * LONGEST_SENTENCE) == "x" * LONGEST_SENTENCE
    long = plain_sentence("word " * 100)
    assert len(long) <= LONGEST_SENTENCE
    assert long.endswith("\N{HORIZONTAL ELLIPSIS}")
