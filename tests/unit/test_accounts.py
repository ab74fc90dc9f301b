"""The operator's hand: password policy, the life of a user, and clients made by hand."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.accounts.directory import NewUser, ordered_groups
from authserver.accounts.passwords import check_password, context_words
from authserver.crypto.secrets import digest
from authserver.errors import Conflict, Invalid, NotFound
from authserver.model.clients import Client
from authserver.model.grants import Grant
from authserver.model.pools import AttributeDefinition, Group, PasswordPolicy, Pool
from authserver.model.sessions import Authentication, Session
from authserver.model.users import User
from authserver.rules.addresses import normal_email, normal_phone_number
from authserver.rules.attributes import attribute_faults
from tests.unit.installation import NOW, Installation

pytestmark = pytest.mark.anyio

POOL = Pool(
    "t_Pool1",
    "Test",
    groups=(Group("staff", precedence=2), Group("boss", precedence=1), Group("all")),
    attributes=(AttributeDefinition("custom:level", "number", min=1, max=9),),
)
ADA = NewUser("ada", "correct-horse-battery", email="Ada@EXAMPLE.com", email_verified=True)


@pytest.fixture
async def place() -> Installation:
    made = Installation()
    await made.stores.registry.put_pool(POOL)
    return made


async def signed_in(place: Installation, user: User) -> tuple[Session, Grant]:
    """The user signed in to a browser, with a client that may come back offline."""
    session = Session("key", "sid", POOL.id, Authentication(user.id, NOW, ("pwd",), "1"), NOW, NOW)
    grant = Grant("grant", POOL.id, "web", user.id, "sid", ("openid",), NOW, ("pwd",), "1", NOW, offline=True)
    await place.stores.sessions.put_session(POOL.id, session, 3600)
    await place.stores.grants.create_grant(POOL.id, grant)
    return session, grant


async def has_access(place: Installation) -> list[bool]:
    """Whether the session and the grant of `signed_in` are alive."""
    grant = await place.stores.grants.grant(POOL.id, "grant")
    alive = grant is not None and grant.revoked_at is None
    return [await place.stores.sessions.session(POOL.id, "key") is not None, alive]


# ---------------------------------------------------------------------------------------------------- passwords

STRICT = PasswordPolicy(
    min_length=8,
    max_length=64,
    require_lowercase=True,
    require_uppercase=True,
    require_numbers=True,
    require_symbols=True,
)


@pytest.mark.parametrize(
    ("password", "broken"),
    [
        ("Abcdef1!", []),
        ("Abcde1!", ["min_length"]),
        ("Abcdef1!" * 8, []),
        ("Abcdef1!" * 8 + "x", ["max_length"]),
        ("ABCDEF1!", ["lowercase"]),
        ("abcdef1!", ["uppercase"]),
        ("Abcdefg!", ["numbers"]),
        ("Abcdefg1", ["symbols"]),
        ("Abcdef 1", []),
        ("Äbcdéf１ ", []),
        ("", ["min_length", "lowercase", "uppercase", "numbers", "symbols"]),
    ],
)
def test_each_rule_of_the_policy_is_kept(password: str, broken: list[str]) -> None:
    assert [rule.code for rule in check_password(STRICT, password)] == broken


def test_lengths_are_counted_in_code_points() -> None:
    assert check_password(PasswordPolicy(min_length=8), "한" * 8) == []
    (rule,) = check_password(PasswordPolicy(min_length=8), "😀" * 7)
    assert (rule.code, rule.limit, rule.sentence) == ("min_length", 8, "must have at least 8 characters")


@pytest.mark.parametrize(
    ("username", "email", "password", "broken"),
    [
        ("grace", None, "my-GRACE-hopper", ["context_word"]),
        ("grace", None, "my-grade-hopper", []),
        ("ada", None, "canada-dry", []),
        ("bob", "robert@example.com", "xxRobertxx", ["context_word"]),
        ("bob", "robert@example.com", "example.com!", []),
        ("ｇｒａｃｅ", None, "grace-under-fire", ["context_word"]),
    ],
)
def test_a_password_does_not_hold_its_owner_s_names(
    username: str, email: str | None, password: str, broken: list[str]
) -> None:
    words = context_words(username, email)
    assert [rule.code for rule in check_password(PasswordPolicy(), password, words)] == broken


@given(st.text(max_size=80))
def test_any_text_is_judged(password: str) -> None:
    rules = {rule.code for rule in check_password(STRICT, password, ["word"])}
    assert ("min_length" in rules) == (len(password) < 8)
    assert ("max_length" in rules) == (len(password) > 64)


# ---------------------------------------------------------------------------------------------------- users


async def test_a_user_is_created_confirmed_and_in_normal_form(place: Installation) -> None:
    new = replace(ADA, groups=("staff", "all", "boss"), attributes={"custom:level": 3}, phone_number="+1 555 555 0100")
    user = await place.users.create(POOL, new)
    assert user == await place.users.find(POOL, "ADA") == await place.users.find(POOL, "ada@example.com")
    assert user == await place.users.find(POOL, user.id)
    assert (user.state, user.email, user.phone_number) == ("confirmed", "Ada@example.com", "+15555550100")
    assert user.groups == ("boss", "staff", "all")
    assert (user.created_at, user.updated_at) == (NOW, NOW)


async def test_a_taken_name_is_refused(place: Installation) -> None:
    await place.users.create(POOL, ADA)
    with pytest.raises(Conflict, match="The username ADA is taken"):
        await place.users.create(POOL, NewUser("ADA"))
    with pytest.raises(Conflict, match="email address is taken"):
        await place.users.create(POOL, replace(ADA, username="eve"))
    await place.users.create(POOL, replace(ADA, username="eve", email_verified=False))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"username": "a\nb"}, "username"),
        ({"username": "eve@example.com"}, "username"),
        ({"email": "nowhere"}, "email"),
        ({"phone_number": "12"}, "phone_number"),
        ({"groups": ("nobody",)}, "groups"),
        ({"attributes": {"custom:level": 10}}, "custom:level"),
        ({"attributes": {"custom:other": 1}}, "custom:other"),
        ({"password": "short"}, "password"),
    ],
)
async def test_a_user_that_breaks_a_rule_is_refused_by_field(
    place: Installation, change: dict[str, object], field: str
) -> None:
    with pytest.raises(Invalid, match=f"`{field}` ") as refused:
        await place.users.create(POOL, replace(ADA, **change))  # type: ignore[arg-type] - fields of the dataclass
    assert refused.value.field == field
    assert await place.stores.directory.users(POOL.id) == []


async def test_a_required_attribute_is_required(place: Installation) -> None:
    pool = replace(POOL, attributes=(AttributeDefinition("email", required=True),))
    with pytest.raises(Invalid, match="`email` is required"):
        await place.users.create(pool, NewUser("bob"))
    await place.users.create(pool, ADA)


async def test_a_phone_number_as_a_username_must_be_one_s_own(place: Installation) -> None:
    pool = replace(POOL, sign_in_with=("phone_number",))
    with pytest.raises(Invalid, match="looks like a phone number"):
        await place.users.create(pool, NewUser("+15555550100"))
    await place.users.create(pool, NewUser("+15555550100", phone_number="+15555550100"))


async def test_a_new_password_ends_every_session_and_grant(place: Installation) -> None:
    user = await place.users.create(POOL, ADA)
    await signed_in(place, user)
    await place.stores.directory.count_password_failure(POOL.id, user.id)
    assert await has_access(place) == [True, True]
    await place.users.set_password(POOL, user, "another-good-password")
    assert await has_access(place) == [False, False]
    credential = await place.stores.directory.password(POOL.id, user.id)
    assert credential is not None
    assert await place.passwords.verify(credential.hash, "another-good-password")
    assert await place.stores.directory.password_failures(POOL.id, user.id) == 0


async def test_a_refused_password_changes_nothing(place: Installation) -> None:
    user = await place.users.create(POOL, ADA)
    await signed_in(place, user)
    before = await place.stores.directory.password(POOL.id, user.id)
    with pytest.raises(Invalid, match="at least 8"):
        await place.users.set_password(POOL, user, "short")
    assert await place.stores.directory.password(POOL.id, user.id) == before
    assert await has_access(place) == [True, True]


async def test_a_password_set_by_the_operator_settles_what_was_open(place: Installation) -> None:
    user = await place.users.create(POOL, ADA)
    waiting = replace(user, state="reset_required")
    await place.stores.directory.change_user(POOL.id, user.id, lambda stored: replace(stored, state="reset_required"))
    await place.users.set_password(POOL, waiting, "another-good-password")
    assert (await place.users.find(POOL, "ada")).can_sign_in


async def test_a_disabled_user_is_signed_out_and_stays_out_until_enabled(place: Installation) -> None:
    user = await place.users.create(POOL, ADA)
    await signed_in(place, user)
    place.clock.now += 5
    disabled = await place.users.disable(POOL, user)
    assert not disabled.can_sign_in
    assert disabled.updated_at == NOW + 5
    assert await has_access(place) == [False, False]
    assert (await place.users.enable(POOL, await place.users.find(POOL, "ada"))).can_sign_in
    with pytest.raises(Conflict, match="not disabled"):
        await place.users.enable(POOL, user)


async def test_a_deleted_user_is_gone_with_all_access(place: Installation) -> None:
    user = await place.users.create(POOL, ADA)
    await signed_in(place, user)
    await place.users.delete(POOL, user)
    assert await has_access(place) == [False, False]
    with pytest.raises(NotFound, match="There is no user 'ada'"):
        await place.users.find(POOL, "ada")
    assert [r.id for r in await place.stores.grants.revocations(0) if r.kind == "grant"] == ["grant"]


async def test_groups_are_kept_in_order_of_precedence(place: Installation) -> None:
    user = await place.users.create(POOL, ADA)
    user = await place.users.change_groups(POOL, user, add=["all", "staff"])
    user = await place.users.change_groups(POOL, user, add=["boss"], remove=["all", "none"])
    assert user.groups == ("boss", "staff")
    assert (await place.users.find(POOL, "ada")).groups == ("boss", "staff")
    with pytest.raises(Invalid, match="`nobody` is no group"):
        await place.users.change_groups(POOL, user, add=["nobody"])
    assert ordered_groups(POOL, {"all", "staff", "gone"}) == ("staff", "all", "gone")


# ---------------------------------------------------------------------------------------------------- clients

WEB = Client("", POOL.id, redirect_uris=("https://app.example/cb",), scope=("openid",))


async def test_a_client_gets_an_id_and_a_secret_that_is_not_stored(place: Installation) -> None:
    client, secret = await place.clients.create(POOL, WEB)
    assert secret is not None
    assert len(secret) == 43
    assert client == await place.clients.find(POOL, client.client_id)
    assert client.secret_digests == (digest(secret),)
    assert secret not in repr(client)
    assert not client.managed
    assert client.machine_grant


async def test_a_public_client_has_no_secret(place: Installation) -> None:
    client, secret = await place.clients.create(POOL, replace(WEB, token_endpoint_auth_method="none"))
    assert secret is None
    assert client.secret_digests == ()
    with pytest.raises(Invalid, match="is public"):
        await place.clients.rotate_secret(client)


async def test_a_client_that_breaks_a_rule_is_refused(place: Installation) -> None:
    with pytest.raises(Invalid, match="plain http on loopback only"):
        await place.clients.create(POOL, replace(WEB, redirect_uris=("http://app.example/cb",)))
    with pytest.raises(Invalid, match="`nonsense` is neither"):
        await place.clients.create(POOL, replace(WEB, scope=("nonsense",)))
    with pytest.raises(Invalid, match="`client_id` must be"):
        await place.clients.create(POOL, replace(WEB, client_id="a b"))
    with pytest.raises(Invalid, match="`token_endpoint_auth_method` `private_key_jwt` is not known"):
        await place.clients.create(POOL, replace(WEB, token_endpoint_auth_method="private_key_jwt"))
    with pytest.raises(Invalid, match="`grant_types` `password` is not known"):
        await place.clients.create(POOL, replace(WEB, grant_types=("authorization_code", "password")))
    assert await place.stores.registry.clients(POOL.id) == []


async def test_a_client_id_is_unique_in_the_installation(place: Installation) -> None:
    other = replace(POOL, id="t_Pool2")
    await place.stores.registry.put_pool(other)
    await place.clients.create(POOL, replace(WEB, client_id="web"))
    with pytest.raises(Conflict, match="web is taken"):
        await place.clients.create(other, replace(WEB, client_id="web"))
    await place.clients.create(other, replace(WEB, client_id="web2"))


async def test_a_rotated_secret_replaces_the_old_one_now_or_at_the_next_rotation(place: Installation) -> None:
    client, first = await place.clients.create(POOL, WEB)
    second = await place.clients.rotate_secret(client, keep_old=True)
    client = await place.clients.find(POOL, client.client_id)
    assert client.secret_digests == (digest(second), digest(first or ""))
    third = await place.clients.rotate_secret(client, keep_old=True)
    client = await place.clients.find(POOL, client.client_id)
    assert client.secret_digests == (digest(third), digest(second))
    fourth = await place.clients.rotate_secret(client)
    assert (await place.clients.find(POOL, client.client_id)).secret_digests == (digest(fourth),)


async def test_what_a_file_owns_is_read_only(place: Installation) -> None:
    owned = replace(WEB, client_id="web", managed=True)
    await place.stores.registry.put_client(POOL.id, owned)
    with pytest.raises(Conflict, match="belongs to a pool file"):
        await place.clients.rotate_secret(owned)
    with pytest.raises(Conflict, match="belongs to a pool file"):
        await place.clients.delete(owned)
    assert await place.clients.find(POOL, "web") == owned
    by_hand, _ = await place.clients.create(POOL, WEB)
    await place.clients.delete(by_hand)
    with pytest.raises(NotFound, match="There is no client"):
        await place.clients.find(POOL, by_hand.client_id)


# ---------------------------------------------------------------------------------------------------- attributes

TYPED = replace(
    POOL,
    attributes=(
        AttributeDefinition("custom:level", "number", min=1, max=9),
        AttributeDefinition("custom:on_call", "boolean"),
        AttributeDefinition("custom:hired", "datetime"),
        AttributeDefinition("custom:code", min=2, max=4),
    ),
)


@pytest.mark.parametrize(
    ("name", "good", "bad", "says"),
    [
        ("custom:level", 1, 0, "must be at least 1"),
        ("custom:level", 8.5, 9.5, "must be at most 9"),
        ("custom:level", 3, "3", "must be a number"),
        ("custom:level", 3, True, "must be a number"),
        ("custom:on_call", False, "no", "must be true or false"),
        ("custom:hired", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00", "with its offset"),
        ("custom:hired", "2026-01-31T12:00:00+09:00", "yesterday", "with its offset"),
        ("custom:code", "ab", "a", "must have a length of at least 2"),
        ("custom:code", "abcd", "abcde", "must have a length of at most 4"),
        ("custom:code", "abcd", "ab\ncd", "must be one line"),
        ("nickname", "Ada", 5, "must be text"),
        ("address", {"country": "KR"}, {"planet": "Earth"}, "must be a table of text with the keys country"),
        ("address", {"country": "KR"}, "Seoul", "must be a table of text"),
        ("website", "https://example.com", None, "must be text"),
        ("given_name", "Ada", "A" * 2049, "at most 2048"),
        ("custom:code", "abc", ["abc"], "must be text"),
    ],
)
def test_an_attribute_has_the_type_and_size_of_its_definition(name: str, good: object, bad: object, says: str) -> None:
    assert attribute_faults(TYPED, {name: good}) == []
    ((field, sentence),) = attribute_faults(TYPED, {name: bad})
    assert field == name
    assert says in sentence


@pytest.mark.parametrize("number", ["555 0100", "+999 123", "+1 555 555 0100 ext. 3", "tel:555", "", "+1"])
def test_what_is_no_international_number_is_refused(number: str) -> None:
    assert normal_phone_number("+1 (555) 555-0100") == "+15555550100"
    with pytest.raises(ValueError, match="with its country code"):
        normal_phone_number(number)


@pytest.mark.parametrize(
    "email", ["ada", "ada@", "@example.com", "ada@@example.com", " ada@example.com", "a b@x.example"]
)
def test_what_is_no_email_address_is_refused(email: str) -> None:
    assert normal_email("Ada@EXAMPLE.com") == "Ada@example.com"
    assert normal_email("ada@intranet") == "ada@intranet"
    with pytest.raises(ValueError, match="is not an email address"):
        normal_email(email)
