"""Factors set up in the course of a sign-in: because one is required, or because the person took the invitation."""

from dataclasses import replace

from authserver.effects import Random
from authserver.errors import Invalid
from authserver.model.pools import Pool
from authserver.model.sessions import Session, SignIn
from authserver.signin.enrolling import Enrolling
from authserver.signin.keeping import Keeping
from authserver.signin.moving import Moved, Moving
from authserver.signin.origin import Origin
from authserver.signin.situations import Situation, Situations
from authserver.signin.step_types import Enrol


class SettingUp:
    """Sets factors up."""

    def __init__(
        self, *, moving: Moving, situations: Situations, keeping: Keeping, enrolling: Enrolling, random: Random
    ) -> None:
        self._moving = moving
        self._situations = situations
        self._keeping = keeping
        self._enrolling = enrolling
        self._random = random

    async def enrol(self, pool: Pool, situation: Situation, kind: str, origin: Origin) -> SignIn:
        """The person chooses the factor to set up. Raises Invalid, Conflict, Throttled."""
        step, user = situation.step, situation.user
        if not isinstance(step, Enrol) or user is None or kind not in step.choices:
            raise Invalid("Choose one of the factors.", field="method")
        sign_in = situation.sign_in
        state = await self._enrolling.begin(
            pool,
            user,
            kind,
            binding=sign_in.id,
            language=origin.language,
            client_name=situation.client.client_name,
        )
        return await self._keeping.change(sign_in, enrolling=kind, enrolment=state)

    async def enrol_none(self, situation: Situation) -> SignIn:
        """Back to the choice of factors to set up."""
        return await self._keeping.change(situation.sign_in, enrolling=None, enrolment=None)

    async def accept_invitation(self, pool: Pool, situation: Situation, origin: Origin) -> SignIn:
        """The person wants a passkey."""
        if situation.user is None:
            raise Invalid("Start again.", field="method")
        state = await self._enrolling.begin(
            pool, situation.user, "passkey", binding=situation.sign_in.id, language=origin.language
        )
        return await self._keeping.change(situation.sign_in, enrolling="passkey", enrolment=state)

    async def decline_enrolment(self, situation: Situation) -> SignIn:
        """The person leaves an invitation that was taken."""
        declined = (*situation.sign_in.declined, "passkey")
        return await self._keeping.change(situation.sign_in, enrolling=None, enrolment=None, declined=declined)

    async def enrolled(
        self, pool: Pool, situation: Situation, answer: str, name: str, origin: Origin, session: Session | None
    ) -> tuple[Moved, tuple[str, ...]]:
        """The person showed that the new factor works: it counts as proven. Returns backup codes too, if they are due.

        Raises Invalid, Conflict, WrongCode, CodeExpired, Throttled.
        """
        sign_in, step, user = situation.sign_in, situation.step, situation.user
        if not isinstance(step, Enrol) or step.chosen is None or sign_in.enrolment is None or user is None:
            raise Invalid("Start again.", field="method")
        if step.chosen == "passkey":  # its challenge may be answered once
            challenge = self._random.token(32)
            sign_in = await self._keeping.change(sign_in, enrolment=challenge)
        proof = await self._enrolling.finish(
            pool, user, step.chosen, situation.sign_in.enrolment or "", answer, name, binding=sign_in.id
        )
        codes = await self._enrolling.backup_codes_due(pool, user)
        done = replace(sign_in, enrolling=None, enrolment=None)
        if not step.required:
            kept = await self._keeping.change(
                sign_in, enrolling=None, enrolment=None, declined=(*sign_in.declined, "passkey")
            )
            return Moved(await self._situations.of(pool, kept, session)), codes
        return await self._moving.proven(pool, done, user, proof, origin, session), codes
