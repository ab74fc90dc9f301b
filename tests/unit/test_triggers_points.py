"""What triggers are told, letter by letter as Cognito tells it, and how strictly their answers are read."""

import contextlib
import json
from collections.abc import Mapping
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.errors import TriggerFailed
from authserver.model.pools import Pool, TriggerPoint
from authserver.model.users import User
from authserver.triggers.answers import (
    READERS,
    SAYS_NOTHING,
    Challenge,
    ChallengeVerdict,
    ClaimChanges,
    GroupOverride,
    InboundAttributes,
    MessageTexts,
    Migration,
    NextChallenge,
    Nothing,
    SignUpAnswer,
    TokenAmendment,
)
from authserver.triggers.challenge_points import (
    ChallengeResult,
    CreateAuthChallenge,
    DefineAuthChallenge,
    VerifyAuthChallenge,
)
from authserver.triggers.federation_points import InboundFederation
from authserver.triggers.message_points import CustomMessage, CustomSender
from authserver.triggers.points import (
    PostAuthentication,
    PostConfirmation,
    PreAuthentication,
    PreSignUp,
    TriggerRequest,
    UserMigration,
    event_of,
)
from authserver.triggers.token_points import GroupConfiguration, PreTokenGeneration
from authserver.triggers.user_attributes import attributes_of

POOL = Pool(id="us-east-1_Example1", name="Example")
ATTRIBUTES = {"sub": "u-1", "email": "ada@example.com", "email_verified": "true"}
RESULTS = (ChallengeResult("SRP_A", True), ChallengeResult("CUSTOM_CHALLENGE", False, "CAPTCHA"))


def event(request: TriggerRequest[object], version: str = "V1_0") -> Any:
    members = request.request(version)
    assert members is not None
    made = event_of(POOL, request.trigger_source, version, "ada", "client-1", members, request.blank(version))
    return json.loads(json.dumps(made))


def envelope(source: str, request: object, response: object, version: str = "1") -> dict[str, object]:
    return {
        "version": version,
        "triggerSource": source,
        "region": "us-east-1",
        "userPoolId": "us-east-1_Example1",
        "userName": "ada",
        "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "client-1"},
        "request": request,
        "response": response,
    }


GROUPS = GroupConfiguration(("staff",), ("arn:aws:iam::1:role/staff",), "arn:aws:iam::1:role/staff")
GROUPS_SENT = {
    "groupsToOverride": ["staff"],
    "iamRolesToOverride": ["arn:aws:iam::1:role/staff"],
    "preferredRole": "arn:aws:iam::1:role/staff",
}
SESSION_SENT = [
    {"challengeName": "SRP_A", "challengeResult": True, "challengeMetadata": None},
    {"challengeName": "CUSTOM_CHALLENGE", "challengeResult": False, "challengeMetadata": "CAPTCHA"},
]
MIGRATION_BLANK = dict.fromkeys(
    (
        "userAttributes",
        "forceAliasCreation",
        "enableSMSMFA",
        "finalUserStatus",
        "messageAction",
        "desiredDeliveryMediums",
    )
)

EVENTS: list[tuple[Any, str, dict[str, object]]] = [
    (
        PreSignUp("SignUp", {"email": "a@b.example"}, {"k": "v"}, {"m": "1"}),
        "V1_0",
        envelope(
            "PreSignUp_SignUp",
            {"userAttributes": {"email": "a@b.example"}, "validationData": {"k": "v"}, "clientMetadata": {"m": "1"}},
            {"autoConfirmUser": False, "autoVerifyEmail": False, "autoVerifyPhone": False},
        ),
    ),
    (
        PreSignUp("AdminCreateUser", {}),
        "V1_0",
        envelope(
            "PreSignUp_AdminCreateUser",
            {"userAttributes": {}, "validationData": None},
            {"autoConfirmUser": False, "autoVerifyEmail": False, "autoVerifyPhone": False},
        ),
    ),
    (
        PostConfirmation("ConfirmSignUp", ATTRIBUTES),
        "V1_0",
        envelope("PostConfirmation_ConfirmSignUp", {"userAttributes": ATTRIBUTES}, {}),
    ),
    (
        PostConfirmation("ConfirmForgotPassword", ATTRIBUTES, {}),
        "V1_0",
        envelope("PostConfirmation_ConfirmForgotPassword", {"userAttributes": ATTRIBUTES, "clientMetadata": {}}, {}),
    ),
    (
        PreAuthentication(ATTRIBUTES, {"ip": "x"}),
        "V1_0",
        envelope(
            "PreAuthentication_Authentication",
            {"userAttributes": ATTRIBUTES, "validationData": {"ip": "x"}, "userNotFound": False},
            {},
        ),
    ),
    (
        PostAuthentication(ATTRIBUTES, new_device_used=True),
        "V1_0",
        envelope("PostAuthentication_Authentication", {"userAttributes": ATTRIBUTES, "newDeviceUsed": True}, {}),
    ),
    (
        DefineAuthChallenge(ATTRIBUTES, RESULTS),
        "V1_0",
        envelope(
            "DefineAuthChallenge_Authentication",
            {"userAttributes": ATTRIBUTES, "session": SESSION_SENT, "userNotFound": False},
            {"challengeName": None, "issueTokens": None, "failAuthentication": None},
        ),
    ),
    (
        CreateAuthChallenge({}, "CUSTOM_CHALLENGE", RESULTS, user_not_found=True),
        "V1_0",
        envelope(
            "CreateAuthChallenge_Authentication",
            {
                "userAttributes": {},
                "challengeName": "CUSTOM_CHALLENGE",
                "session": SESSION_SENT,
                "userNotFound": True,
            },
            {"publicChallengeParameters": None, "privateChallengeParameters": None, "challengeMetadata": None},
        ),
    ),
    (
        VerifyAuthChallenge(ATTRIBUTES, {"answer": "5"}, "5"),
        "V1_0",
        envelope(
            "VerifyAuthChallengeResponse_Authentication",
            {
                "userAttributes": ATTRIBUTES,
                "privateChallengeParameters": {"answer": "5"},
                "challengeAnswer": "5",
                "userNotFound": False,
            },
            {"answerCorrect": None},
        ),
    ),
    (
        PreTokenGeneration("HostedAuth", ATTRIBUTES, GROUPS, ("openid", "email")),
        "V1_0",
        envelope(
            "TokenGeneration_HostedAuth",
            {"userAttributes": ATTRIBUTES, "groupConfiguration": GROUPS_SENT},
            {"claimsOverrideDetails": None},
        ),
    ),
    (
        PreTokenGeneration("RefreshTokens", ATTRIBUTES, GroupConfiguration(), ("openid", "email")),
        "V2_0",
        envelope(
            "TokenGeneration_RefreshTokens",
            {
                "userAttributes": ATTRIBUTES,
                "groupConfiguration": {"groupsToOverride": [], "iamRolesToOverride": [], "preferredRole": None},
                "scopes": ["openid", "email"],
            },
            {"claimsAndScopeOverrideDetails": None},
            "2",
        ),
    ),
    (
        PreTokenGeneration("ClientCredentials", {}, None, ("api/read",)),
        "V3_0",
        envelope(
            "TokenGeneration_ClientCredentials",
            {"userAttributes": {}, "groupConfiguration": None, "scopes": ["api/read"]},
            {"claimsAndScopeOverrideDetails": None},
            "3",
        ),
    ),
    (
        UserMigration("Authentication", "pa55", None, {"m": "1"}),
        "V1_0",
        envelope(
            "UserMigration_Authentication",
            {"password": "pa55", "validationData": None, "clientMetadata": {"m": "1"}},
            MIGRATION_BLANK,
        ),
    ),
    (
        UserMigration("ForgotPassword"),
        "V1_0",
        envelope("UserMigration_ForgotPassword", {"password": None, "validationData": None}, MIGRATION_BLANK),
    ),
    (
        CustomMessage("ForgotPassword", ATTRIBUTES),
        "V1_0",
        envelope(
            "CustomMessage_ForgotPassword",
            {"userAttributes": ATTRIBUTES, "codeParameter": "{####}", "usernameParameter": None},
            {"smsMessage": None, "emailMessage": None, "emailSubject": None},
        ),
    ),
    (
        CustomMessage("AdminCreateUser", ATTRIBUTES),
        "V1_0",
        envelope(
            "CustomMessage_AdminCreateUser",
            {"userAttributes": ATTRIBUTES, "codeParameter": "{####}", "usernameParameter": "{username}"},
            {"smsMessage": None, "emailMessage": None, "emailSubject": None},
        ),
    ),
    (
        CustomSender("email", "SignUp", ATTRIBUTES, "123456"),
        "V1_0",
        envelope(
            "CustomEmailSender_SignUp",
            {"type": "customEmailSenderRequestV1", "code": "123456", "userAttributes": ATTRIBUTES},
            {},
        ),
    ),
    (
        InboundFederation("Acme", "SAML", {"samlResponse": {"groups": ["a", "b"]}}),
        "V1_0",
        envelope(
            "InboundFederation_ExternalProvider",
            {"providerName": "Acme", "providerType": "SAML", "attributes": {"samlResponse": {"groups": ["a", "b"]}}},
            {"userAttributesToMap": {}},
        ),
    ),
    (
        CustomSender("sms", "Authentication", ATTRIBUTES, "123456", {"m": "1"}),
        "V1_0",
        envelope(
            "CustomSMSSender_Authentication",
            {
                "type": "customSMSSenderRequestV1",
                "code": "123456",
                "userAttributes": ATTRIBUTES,
                "clientMetadata": {"m": "1"},
            },
            {},
        ),
    ),
]


@pytest.mark.parametrize(("request_", "version", "wanted"), EVENTS, ids=[e[2]["triggerSource"] for e in EVENTS])  # type: ignore[arg-type]
def test_the_event_is_cognitos(request_: Any, version: str, wanted: dict[str, object]) -> None:
    assert event(request_, version) == wanted


def test_every_point_is_covered() -> None:
    points = set(get_args(TriggerPoint))
    assert {request.point for request, _, _ in EVENTS} == points == set(READERS)
    assert points >= SAYS_NOTHING


def test_without_a_client_the_caller_is_named_as_cognito_does() -> None:
    made = event_of(POOL, "PreSignUp_AdminCreateUser", "V1_0", "ada", None, {}, {})
    assert made["callerContext"] == {
        "awsSdkVersion": "aws-sdk-unknown-unknown",
        "clientId": "CLIENT_ID_NOT_APPLICABLE",
    }


def test_only_the_third_version_is_told_of_clients_that_ask_for_themselves() -> None:
    request = PreTokenGeneration("ClientCredentials", {}, None)
    assert [request.request(v) is None for v in ("V1_0", "V2_0", "V3_0")] == [True, True, False]


def test_attributes_are_texts() -> None:
    user = User(
        id="u-1",
        pool="p_1",
        username="ada",
        email="ada@example.com",
        email_verified=True,
        phone_number="+15550100200",
        attributes={
            "name": "Ada",
            "custom:age": 36,
            "custom:staff": False,
            "address": {"country": "UK"},
            "nickname": None,
        },
        state="must_change",
    )
    assert attributes_of(user) == {
        "sub": "u-1",
        "cognito:user_status": "FORCE_CHANGE_PASSWORD",
        "name": "Ada",
        "custom:age": "36",
        "custom:staff": "false",
        "address": '{"country":"UK"}',
        "email": "ada@example.com",
        "email_verified": "true",
        "phone_number": "+15550100200",
        "phone_number_verified": "false",
    }
    assert attributes_of(User("u", "p_1", "x")) == {"sub": "u", "cognito:user_status": "CONFIRMED"}


# --- answers --------------------------------------------------------------------------------------------------------

CHANGES = {"claimsToAddOrOverride": {"a": {"b": [1]}}, "claimsToSuppress": ["c"]}
GOOD: list[tuple[TriggerPoint, str, Mapping[str, object], object]] = [
    ("pre_sign_up", "V1_0", {}, SignUpAnswer()),
    ("pre_sign_up", "V1_0", {"autoConfirmUser": True, "autoVerifyEmail": None, "x": 1}, SignUpAnswer(True)),
    ("post_confirmation", "V1_0", {"anything": 1}, Nothing()),
    ("define_auth_challenge", "V1_0", {"issueTokens": True, "failAuthentication": False}, NextChallenge(None, True)),
    ("define_auth_challenge", "V1_0", {"challengeName": "CUSTOM_CHALLENGE"}, NextChallenge("CUSTOM_CHALLENGE")),
    ("define_auth_challenge", "V1_0", {"failAuthentication": True}, NextChallenge(fail_authentication=True)),
    (
        "create_auth_challenge",
        "V1_0",
        {"publicChallengeParameters": {"q": "2+3"}, "privateChallengeParameters": {"a": "5"}, "challengeMetadata": "M"},
        Challenge({"q": "2+3"}, {"a": "5"}, "M"),
    ),
    ("verify_auth_challenge_response", "V1_0", {"answerCorrect": True}, ChallengeVerdict(True)),
    ("verify_auth_challenge_response", "V1_0", {}, ChallengeVerdict(False)),
    ("pre_token_generation", "V1_0", {"claimsOverrideDetails": None}, TokenAmendment()),
    (
        "pre_token_generation",
        "V1_0",
        {"claimsOverrideDetails": {"claimsToAddOrOverride": {"a": "b"}, "claimsToSuppress": ["c"]}},
        TokenAmendment(ClaimChanges({"a": "b"}, ("c",))),
    ),
    (
        "pre_token_generation",
        "V1_0",
        {"claimsOverrideDetails": {"groupOverrideDetails": None}},
        TokenAmendment(groups=GroupOverride()),
    ),
    ("pre_token_generation", "V1_0", {"claimsAndScopeOverrideDetails": {"idTokenGeneration": 7}}, TokenAmendment()),
    (
        "pre_token_generation",
        "V2_0",
        {
            "claimsAndScopeOverrideDetails": {
                "idTokenGeneration": CHANGES,
                "accessTokenGeneration": {"scopesToAdd": ["x"], "scopesToSuppress": ["y"]},
                "groupOverrideDetails": {"groupsToOverride": ["g"], "iamRolesToOverride": ["r"], "preferredRole": "r"},
            }
        },
        TokenAmendment(
            ClaimChanges({"a": {"b": [1]}}, ("c",)),
            ClaimChanges(add_scopes=("x",), suppress_scopes=("y",)),
            GroupOverride(("g",), ("r",), "r"),
        ),
    ),
    ("inbound_federation", "V1_0", {}, InboundAttributes()),
    ("inbound_federation", "V1_0", {"userAttributesToMap": {"email": "a@b.c"}}, InboundAttributes({"email": "a@b.c"})),
    ("user_migration", "V1_0", {"userAttributes": None}, Migration()),
    ("user_migration", "V1_0", {"userAttributes": {}}, Migration()),
    (
        "user_migration",
        "V1_0",
        {
            "userAttributes": {"email": "a@b.example"},
            "finalUserStatus": "CONFIRMED",
            "messageAction": "SUPPRESS",
            "desiredDeliveryMediums": ["EMAIL"],
            "forceAliasCreation": True,
            "enableSMSMFA": False,
        },
        Migration({"email": "a@b.example"}, "CONFIRMED", "SUPPRESS", ("EMAIL",), True, False),
    ),
    ("custom_message", "V1_0", {"emailMessage": "<b>{####}</b>"}, MessageTexts(email="<b>{####}</b>")),
]


@pytest.mark.parametrize(("point", "version", "response", "wanted"), GOOD)
def test_a_good_answer_is_read(
    point: TriggerPoint, version: str, response: Mapping[str, object], wanted: object
) -> None:
    assert READERS[point](response, version) == wanted


BAD: list[tuple[TriggerPoint, str, Mapping[str, object]]] = [
    ("inbound_federation", "V1_0", {"userAttributesToMap": {"email": 7}}),
    ("pre_sign_up", "V1_0", {"autoConfirmUser": "true"}),
    ("pre_sign_up", "V1_0", {"autoVerifyEmail": 1}),
    ("define_auth_challenge", "V1_0", {}),
    ("define_auth_challenge", "V1_0", {"challengeName": 7}),
    ("define_auth_challenge", "V1_0", {"issueTokens": True, "failAuthentication": True}),
    ("define_auth_challenge", "V1_0", {"issueTokens": "yes"}),
    ("create_auth_challenge", "V1_0", {"publicChallengeParameters": ["x"]}),
    ("create_auth_challenge", "V1_0", {"privateChallengeParameters": {"a": 5}}),
    ("verify_auth_challenge_response", "V1_0", {"answerCorrect": "true"}),
    ("verify_auth_challenge_response", "V1_0", {"answerCorrect": [True]}),
    ("pre_token_generation", "V1_0", {"claimsOverrideDetails": "x"}),
    ("pre_token_generation", "V1_0", {"claimsOverrideDetails": {"claimsToAddOrOverride": {"a": {"b": 1}}}}),
    ("pre_token_generation", "V1_0", {"claimsOverrideDetails": {"claimsToSuppress": "sub"}}),
    ("pre_token_generation", "V1_0", {"claimsOverrideDetails": {"groupOverrideDetails": {"groupsToOverride": [1]}}}),
    ("pre_token_generation", "V2_0", {"claimsAndScopeOverrideDetails": []}),
    (
        "pre_token_generation",
        "V2_0",
        {"claimsAndScopeOverrideDetails": {"accessTokenGeneration": {"scopesToAdd": "x"}}},
    ),
    ("user_migration", "V1_0", {"userAttributes": {"email_verified": True}}),
    ("user_migration", "V1_0", {"finalUserStatus": "ADMIN"}),
    ("user_migration", "V1_0", {"messageAction": "RESEND"}),
    ("user_migration", "V1_0", {"desiredDeliveryMediums": ["PIGEON"]}),
    ("custom_message", "V1_0", {"emailMessage": {"html": "x"}}),
]


@pytest.mark.parametrize(("point", "version", "response"), BAD)
def test_an_answer_of_the_wrong_type_is_a_refusal(
    point: TriggerPoint, version: str, response: Mapping[str, object]
) -> None:
    with pytest.raises(TriggerFailed) as refused:
        READERS[point](response, version)
    assert refused.value.detail
    assert refused.value.sentence == TriggerFailed.sentence


def test_an_operators_new_user_is_not_confirmed_by_a_trigger() -> None:
    response = {"autoConfirmUser": True, "autoVerifyEmail": True}
    assert PreSignUp("AdminCreateUser", {}).read(response, "V1_0") == SignUpAnswer()
    assert PreSignUp("SignUp", {}).read(response, "V1_0") == SignUpAnswer(True, True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [
        "autoConfirmUser", "challengeName", "issueTokens", "failAuthentication", "publicChallengeParameters",
        "privateChallengeParameters", "challengeMetadata", "answerCorrect", "claimsOverrideDetails", "userAttributes",
        "claimsAndScopeOverrideDetails", "finalUserStatus", "messageAction", "desiredDeliveryMediums", "smsMessage",
        "idTokenGeneration", "groupOverrideDetails",
    ]
)  # fmt: skip


@given(st.sampled_from(sorted(READERS)), st.sampled_from(["V1_0", "V2_0"]), st.dictionaries(NAMES, JSON, max_size=4))
def test_whatever_comes_back_is_read_or_refused(point: TriggerPoint, version: str, response: dict[str, object]) -> None:
    with contextlib.suppress(TriggerFailed):
        READERS[point](response, version)
