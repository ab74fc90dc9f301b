"""Where the provider's metadata comes from: given once, or fetched and kept, so that no failure there costs a login here."""

import asyncio
import hashlib
from dataclasses import dataclass

from federation.connectors.saml.metadata import LARGEST, IdpMetadata, read_metadata
from federation.connectors.saml.names import SKEW
from federation.connectors.saml.settings import SamlSettings
from federation.errors import BadAnswer, FederationError, Misconfigured, ProviderUnavailable
from federation.ports import Document, Host

_EVERY = 6 * 3600
_SOONEST, _LATEST = 300, 24 * 3600
_AGAIN, _AGAIN_AT_ONCE = 60, 5
_EARLY = 300
_PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class _Known:
    """Metadata that was read, when it was fetched, and when to fetch it again."""

    idp: IdpMetadata
    fetched_at: int
    due_at: int


class MetadataSource:
    """The metadata of one provider.

    Fetched metadata is asked for again after its `cacheDuration` (6 hours if it says nothing; at least 5 minutes, at most a
    day), and in any case before it ends. While it is valid, a copy that is due serves on as long as no newer one comes.
    """

    def __init__(self, settings: SamlSettings, host: Host) -> None:
        self._settings = settings
        self._host = host
        self._known: _Known | None = None
        self._not_before = 0
        self._early_at = 0
        self._asking = asyncio.Lock()
        whose = f"{settings.metadata_url}\n{settings.idp_entity_id}\n{settings.metadata_certificate}"
        # Other settings find another document, or none.
        self._name = f"saml-metadata-{hashlib.sha256(whose.encode()).hexdigest()[:16]}"
        self.failure: FederationError | None = None
        """Why the last attempt to fetch it failed."""

    async def current(self, now: int) -> IdpMetadata:
        """The metadata to go by. Raises ProviderUnavailable, BadAnswer, Misconfigured if there is none that is valid."""
        if self._settings.metadata:
            return await self._given(now)
        known = self._known
        if known is None or (known.due_at <= now and now >= self._not_before and not self._asking.locked()):
            async with self._asking:
                known = await self._renewed(now)
        if _ended(known.idp, now):
            raise ProviderUnavailable("the provider's metadata is no longer valid, and there is none newer")
        return known.idp

    async def newer(self, now: int, than: IdpMetadata) -> IdpMetadata | None:
        """What is published right now, for a signature by a key that `than` does not have: keys may have changed before
        they were due. None if there is nothing new. It is asked for at most once in 5 minutes, or forged messages would
        have us ask all the time; who comes while that goes on waits for it.
        """
        async with self._asking:
            known = self._known
            if known is None or known.idp != than:
                return known.idp if known is not None else None
            if now < max(self._early_at + _EARLY, known.fetched_at + SKEW):
                return None
            self._early_at = now
            latest = await self._attempt(now, known)
            return latest.idp if latest is not None and latest.idp != than else None

    async def tend(self, now: int) -> int:
        """Fetch what is due. When to come back, in seconds since the epoch."""
        if self._settings.metadata:
            return now + _LATEST
        try:
            await self.current(now)
        except FederationError as failure:
            self.failure = failure
        return max(self._known.due_at if self._known else 0, self._not_before, now + _AGAIN)

    async def _given(self, now: int) -> IdpMetadata:
        if self._known is None:
            settings = self._settings
            try:
                idp = await self._host.work(
                    lambda: read_metadata(
                        settings.metadata.encode(),
                        now,
                        entity_id=settings.idp_entity_id,
                        signed_by=settings.metadata_certificate,
                    )
                )
            except BadAnswer as fault:
                raise Misconfigured(fault.detail, setting="metadata") from None
            self._known = _Known(idp, now, now)
        if _ended(self._known.idp, now):
            raise Misconfigured("the metadata is no longer valid", setting="metadata")
        return self._known.idp

    async def _renewed(self, now: int) -> _Known:
        """What another process fetched if that is not due yet, or else what the provider says, or else what we have."""
        known = self._known
        if known is not None and known.due_at > now:
            return known  # somebody else fetched it while we waited
        kept = await self._kept(now)
        if kept is not None and (known is None or kept.fetched_at > known.fetched_at):
            self._known = known = kept
            if kept.due_at > now:
                return kept
        if now >= self._not_before:
            latest = await self._attempt(now, known)
            if latest is not None:
                return latest
        if known is None:
            raise self.failure or ProviderUnavailable("the provider's metadata could not be fetched")
        return known

    async def _kept(self, now: int) -> _Known | None:
        document = await self._host.documents.get(self._name)
        if document is None:
            return None
        try:
            return await self._read(document, now)
        except BadAnswer:
            return None  # it has ended

    async def _attempt(self, now: int, known: _Known | None) -> _Known | None:
        """Fetch it. None if that fails, which is not tried again at once."""
        try:
            document, etag = await self._fetched(now, known)
            latest = await self._read(document, now)
        except FederationError as failure:
            self.failure = failure
            self._not_before = now + (_AGAIN if known is not None else _AGAIN_AT_ONCE)
            return None
        self._known, self.failure = latest, None
        await self._host.documents.put(self._name, document)
        await self._host.documents.put(f"{self._name}-etag", Document(etag.encode(), now))
        return latest

    async def _fetched(self, now: int, known: _Known | None) -> tuple[Document, str]:
        """The document and its ETag. Raises ProviderUnavailable."""
        host, url = self._host, self._settings.metadata_url
        headers = {"accept": "application/samlmetadata+xml, application/xml, text/xml"}
        etag = await host.documents.get(f"{self._name}-etag") if known is not None else None
        kept = await host.documents.get(self._name) if etag is not None and etag.body else None
        if etag is not None and kept is not None:
            headers["if-none-match"] = etag.body.decode()
        answer = await host.http.request("GET", url, headers=headers, limit=LARGEST, timeout=_PATIENCE)
        if answer.status == 304 and etag is not None and kept is not None:
            return Document(kept.body, now), etag.body.decode()
        if answer.status != 200 or len(answer.body) > LARGEST:
            raise ProviderUnavailable(f"the metadata's address answered {answer.status}, {len(answer.body)} bytes")
        return Document(answer.body, now), answer.headers.get("etag", "")[:200]

    async def _read(self, document: Document, now: int) -> _Known:
        settings = self._settings
        idp = await self._host.work(
            lambda: read_metadata(
                document.body, now, entity_id=settings.idp_entity_id, signed_by=settings.metadata_certificate
            )
        )
        after = min(max(idp.cache_duration or _EVERY, _SOONEST), _LATEST)
        due = document.fetched_at + after
        if idp.valid_until is not None:
            # Halfway to its end, a fetch that fails can still be repeated.
            due = min(due, max(document.fetched_at + _SOONEST, (document.fetched_at + idp.valid_until) // 2))
        return _Known(idp, document.fetched_at, due)


def _ended(idp: IdpMetadata, now: int) -> bool:
    return idp.valid_until is not None and idp.valid_until <= now - SKEW
