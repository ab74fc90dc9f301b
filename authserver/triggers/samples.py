"""A made-up request for each point, to try a trigger with."""

from collections.abc import Callable, Mapping

from authserver.model.pools import TriggerPoint
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
)
from authserver.triggers.token_points import GroupConfiguration, PreTokenGeneration

_USER = {
    "sub": "00000000-0000-4000-8000-000000000000",
    "cognito:user_status": "CONFIRMED",
    "email": "sample@example.com",
    "email_verified": "true",
    "given_name": "Sample",
}
_NEW = {"email": "sample@example.com", "given_name": "Sample"}
_CODE = "000000"

_SAMPLES: Mapping[TriggerPoint, Callable[[], TriggerRequest[object]]] = {
    "pre_sign_up": lambda: PreSignUp("SignUp", _NEW),
    "post_confirmation": lambda: PostConfirmation("ConfirmSignUp", _USER),
    "pre_authentication": lambda: PreAuthentication(_USER),
    "post_authentication": lambda: PostAuthentication(_USER),
    "define_auth_challenge": lambda: DefineAuthChallenge(
        _USER, (ChallengeResult("PASSWORD_VERIFIER", challenge_result=True),)
    ),
    "create_auth_challenge": lambda: CreateAuthChallenge(_USER, "CUSTOM_CHALLENGE"),
    "verify_auth_challenge_response": lambda: VerifyAuthChallenge(_USER, {"answer": "sample"}, "sample"),
    "pre_token_generation": lambda: PreTokenGeneration(
        "HostedAuth", _USER, GroupConfiguration(("sample-group",)), ("openid", "email")
    ),
    "user_migration": lambda: UserMigration("Authentication", "sample-password"),
    "custom_message": lambda: CustomMessage("SignUp", _USER),
    "custom_email_sender": lambda: CustomSender("email", "SignUp", _USER, _CODE),
    "custom_sms_sender": lambda: CustomSender("sms", "SignUp", _USER, _CODE),
    "inbound_federation": lambda: InboundFederation(
        "Sample", "OIDC", {"idToken": {"sub": "sample", "email": "sample@example.com"}, "userInfo": {"sub": "sample"}}
    ),
}


def sample(point: TriggerPoint) -> TriggerRequest[object]:
    """A request at this point, concerning nobody."""
    return _SAMPLES[point]()
