"""Names and filters of a directory: what a pool file may say, and that no name becomes a part of a filter."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sansldap import LDAPFilter

from authserver.accounts.ldap_people import Entry, groups_of, user_of
from authserver.model.ldap import LdapGroups, LdapPolicy
from authserver.model.pools import AttributeDefinition, Group, Pool
from authserver.rules.ldap import Server, attribute_type_fault, dn_fault, normal_dn, server_of
from authserver.rules.ldap_filter import DN, MISSING_EXTRA, USERNAME, compared, filled, filter_fault, parsed

GOOD_FILTERS = (
    "(uid={username})",
    "uid={username}",
    "(&(objectClass=person)(|(uid={username})(mail={username})))",
    "(&(objectClass=person)(!(employeeType=left))(sAMAccountName={username}))",
    "(proxyAddresses=smtp:{username})",
)
BAD_FILTERS = {
    "": "is no filter",
    "(uid={username}": "is no filter",
    "(uid={username})(mail={username})": "is no filter",
    "(&)": "is no filter",
    "({username}=x)": "is no filter",
    "(uid=ada)": "must hold {username}",
    "(uid=*{username}*)": "must compare {username} by =",
    "(uid={username}*)": "must compare {username} by =",
    "(uid>={username})": "must compare {username} by =",
    "(uid~={username})": "must compare {username} by =",
    "(uid:dn:={username})": "must compare {username} by =",
    "(uid={user})": "where only {username} means something",
    "(&(uid={username})(member={dn}))": "where only {username} means something",
    "(" * 2000 + "a=b" + ")" * 2000: "is no filter",
    "(&" * 2000 + "(a=b)" + ")" * 2000: "is no filter",
}


@pytest.mark.parametrize("template", GOOD_FILTERS)
def test_a_filter_compares_the_name_with_a_whole_value(template: str) -> None:
    assert filter_fault(template, person=True) is None


@pytest.mark.parametrize("template", BAD_FILTERS, ids=lambda template: template[:40] or "nothing")
def test_other_filters_are_refused_with_the_reason(template: str) -> None:
    assert BAD_FILTERS[template] in (filter_fault(template, person=True) or "")


def test_a_filter_of_groups_may_go_by_dn_and_by_rules() -> None:
    assert filter_fault("(&(objectClass=groupOfNames)(member={dn}))", person=False) is None
    assert filter_fault("(memberUid={username})", person=False) is None
    assert filter_fault("(member:1.2.840.113556.1.4.1941:={dn})", person=False) is None
    assert filter_fault("(member=*{dn})", person=False) is not None
    assert filter_fault("(cn=all)", person=False) == "must hold {username} or {dn}"


def test_without_the_extra_the_sentence_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sansldap", None)
    assert filter_fault("(uid={username})", person=True) == MISSING_EXTRA


HOSTILE = st.text(st.sampled_from("*()\\&|!=<>~:,+\0 {}usernamed"), max_size=12) | st.text(max_size=12)


@given(HOSTILE)
def test_whatever_the_name_the_filter_stays_the_same_filter(name: str) -> None:
    name = name.encode(errors="ignore").decode()
    tree = filled(parsed("(&(objectClass=person)(|(uid={username})(mail={username}@example.com)))"), {USERNAME: name})
    person, either = tree.filters  # type: ignore[attr-defined]
    assert str(person) == "(objectClass=person)"
    assert [(leaf.attribute, leaf.value) for leaf in either.filters] == [
        ("uid", name.encode()),
        ("mail", f"{name}@example.com".encode()),
    ]
    # And in the text form, which escapes what RFC 4515 3 says: it reads as what it was made of.
    if name:
        assert LDAPFilter.from_string(str(tree)) == tree


def test_a_name_that_looks_like_a_placeholder_stays_a_name() -> None:
    tree = filled(parsed("(|(member={dn})(memberUid={username}))"), {DN: "uid={username}", USERNAME: "{dn}"})
    assert [leaf.value for leaf in tree.filters] == [b"uid={username}", b"{dn}"]  # type: ignore[attr-defined]


def test_what_is_compared_is_told() -> None:
    tree = parsed("(&(objectClass=person)(!(mail={username}@old.example))(uid={username}))")
    assert compared(tree, "ada") == (("mail", "ada@old.example"), ("uid", "ada"))


# ----------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("ldaps://ldap.example.com", Server("ldaps", "ldap.example.com", 636)),
        ("ldap://LDAP.example.com/", Server("ldap", "ldap.example.com", 389)),
        ("ldaps://10.0.0.7:1636", Server("ldaps", "10.0.0.7", 1636)),
        ("ldap://[::1]:389", Server("ldap", "::1", 389)),
    ],
)
def test_a_url_names_a_server(url: str, server: Server) -> None:
    assert server_of(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ldap.example.com",
        "https://ldap.example.com",
        "ldapi:///var/run/ldapi",
        "ldaps://",
        "ldaps://user:secret@ldap.example.com",
        "ldaps://ldap.example.com:0",
        "ldaps://ldap.example.com:99999",
        "ldaps://ldap.example.com/dc=example,dc=com??sub",
        "ldaps://ldap.example.com ldaps://other.example.com",
        "ldaps://-ldap.example.com",
    ],
)
def test_anything_else_is_no_url_of_a_server(url: str) -> None:
    with pytest.raises(ValueError, match="must be ldaps://host"):
        server_of(url)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cn=Engineering,ou=Groups,dc=example,dc=com", "CN = engineering , OU=groups, DC=Example,dc=COM"),
        ("cn=Lee\\, Ann,dc=example", "cn=Lee\\2c Ann,dc=example"),
        ("cn=Ann+uid=7,dc=example", "uid=7+cn=ann,dc=example"),
        ("cn=Zo\\c3\\ab,dc=example", "cn=Zoë,dc=example"),
        ("cn=a\\\\b,dc=example", "cn=a\\5cb,dc=example"),
        ("2.5.4.3=Ann  Lee,dc=example", "2.5.4.3=Ann Lee,dc=example"),
    ],
)
def test_two_spellings_of_a_name_are_equal(one: str, other: str) -> None:
    assert normal_dn(one) == normal_dn(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cn=staff,ou=groups,dc=example", "cn=staff,ou=clubs,dc=example"),
        ("cn=staff\\,ou=groups,dc=example", "cn=staff,ou=groups,dc=example"),
        ("cn=staff,dc=example", "ou=staff,dc=example"),
        ("cn=a+uid=b,dc=example", "cn=a,uid=b,dc=example"),
    ],
)
def test_two_names_are_not(one: str, other: str) -> None:
    assert normal_dn(one) != normal_dn(other)


@pytest.mark.parametrize(
    "dn", ["", "   ", "staff", "cn=", "=staff", "cn=a,,dc=b", "cn=a,", "c n=a", "cn=" + "a" * 1100]
)
def test_what_is_no_name_is_refused(dn: str) -> None:
    assert dn_fault(dn) is not None


@given(st.text(max_size=60))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    fault = dn_fault(text)
    assert fault is None or fault.startswith(("must be", "has a part"))


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(str.strip))
def test_a_value_that_is_escaped_is_one_value(value: str) -> None:
    escaped = "".join(f"\\{byte:02x}" for byte in value.encode())
    parts = normal_dn(f"cn={escaped},dc=example")
    assert len(parts) == 2


def test_attributes_are_those_that_directories_have() -> None:
    for name in ("uid", "givenName", "2.5.4.42", "cn;lang-en", "msDS-cloudExtensionAttribute1"):
        assert attribute_type_fault(name) is None
    for name in ("", "given name", "{username}", "cn=", "*", "1.1.", "a" * 129):
        assert attribute_type_fault(name) is not None


# ---------------------------------------------------------------------------------------------- what an entry means


def directory(**changes: object) -> Pool:
    policy = LdapPolicy(url="ldaps://x", attribute_mapping={"username": "uid", "email": "mail"}, **changes)  # type: ignore[arg-type]
    floor = AttributeDefinition("custom:floor", type="number")
    return Pool("p_1", "p", ldap=policy, attributes=(floor,), groups=(Group("staff"), Group("all")))


def test_an_entry_is_a_user_whose_address_is_proven_only_if_the_pool_says_so() -> None:
    entry = Entry("uid=ada,dc=x", {"uid": ("ada",), "mail": (" ", "Ada@Example.com")})
    for proven in (False, True):
        user, left_out = user_of(directory(email_verified=proven), entry, "secret")
        assert user is not None
        assert (user.username, user.email, user.email_verified) == ("ada", "Ada@example.com", proven)
        assert (user.state, user.password, left_out) == ("confirmed", "secret", ())
        assert "secret" not in repr(user)
    user, _ = user_of(directory(), entry, None)
    assert user is not None
    assert (user.state, user.password) == ("reset_required", None)


def test_an_address_that_is_none_is_left_out() -> None:
    user, left_out = user_of(directory(), Entry("uid=ada,dc=x", {"uid": ("ada",), "mail": ("nowhere",)}), None)
    assert user is not None
    assert user.email is None
    assert left_out[0][0] == "email"


def test_groups_by_whatever_spelling_and_only_those_that_are_still_there() -> None:
    pool = directory(groups=LdapGroups(names={"cn=Eng,dc=x": "staff", "cn=old,dc=x": "gone"}))
    entry = Entry("uid=ada,dc=x", {}, ("CN=eng, DC=X", "cn=old,dc=x", "cn=other,dc=x", "no name at all"))
    assert groups_of(pool, entry) == ("staff",)
