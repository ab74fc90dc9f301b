"""The rooms of the account page by their addresses."""

from authserver.pages.account import activity, apps, data, identities, profile, security, sessions, tasks
from authserver.pages.account.gone import DELETED, GonePage
from authserver.pages.account.room import Room
from authserver.pages.account.visit import PATHS
from authserver.pages.frame import Frame


def rooms(frame: Frame) -> dict[str, Room | GonePage]:
    """Every address below the pool, without its leading slash."""
    found = [
        (PATHS["profile"], Room(frame, PATHS["profile"], profile.show, profile.take)),
        (PATHS["security"], Room(frame, PATHS["security"], security.show, security.take, guarded="factor")),
        (PATHS["sessions"], Room(frame, PATHS["sessions"], sessions.show, sessions.take)),
        (PATHS["apps"], Room(frame, PATHS["apps"], apps.show, apps.take)),
        (PATHS["identities"], Room(frame, PATHS["identities"], identities.show, identities.take, guarded="factor")),
        (
            identities.UNLINK,
            Room(
                frame,
                identities.UNLINK,
                identities.show_unlinking,
                identities.take_unlinking,
                guarded="factor",
                kept=("id",),
            ),
        ),
        (PATHS["activity"], Room(frame, PATHS["activity"], activity.show, activity.take, kept=("before",))),
        (PATHS["data"], Room(frame, PATHS["data"], data.show, data.take, guarded="export")),
        (activity.OBJECT, Room(frame, activity.OBJECT, activity.show_objection, activity.take_objection)),
        (
            profile.ADDRESS,
            Room(
                frame,
                profile.ADDRESS,
                profile.show_address,
                profile.take_address,
                guarded="address",
                kept=("kind",),
            ),
        ),
        (
            security.PASSWORD,
            Room(frame, security.PASSWORD, tasks.show_password, tasks.take_password, guarded="password"),
        ),
        (
            security.FACTOR,
            Room(
                frame,
                security.FACTOR,
                tasks.show_factor,
                tasks.take_factor,
                guarded="factor",
                kept=("kind",),
            ),
        ),
        (
            security.REMOVE,
            Room(
                frame,
                security.REMOVE,
                tasks.show_removal,
                tasks.take_removal,
                guarded="factor",
                kept=("id",),
            ),
        ),
        (
            security.RENAME,
            Room(frame, security.RENAME, tasks.show_name, tasks.take_name, guarded="factor", kept=("id",)),
        ),
        (security.CODES, Room(frame, security.CODES, tasks.show_codes, tasks.take_codes, guarded="factor")),
        (data.DELETE, Room(frame, data.DELETE, data.show_deletion, data.take_deletion, guarded="delete")),
    ]
    return {path.removeprefix("/"): room for path, room in found} | {DELETED.removeprefix("/"): GonePage(frame)}
