"""Functions of an operator's own, for tests of triggers."""

import asyncio
import threading
import time
from typing import Any

from authserver.triggers import TriggerVeto

seen: list[Any] = []
release = threading.Event()

NOT_A_FUNCTION = 7


def confirm(event: dict[str, Any], context: Any) -> dict[str, Any]:
    seen.append((event, context, threading.current_thread().name))
    event["response"]["autoConfirmUser"] = True
    return event


async def confirm_async(event: dict[str, Any]) -> dict[str, Any]:
    await asyncio.sleep(0)
    event["response"]["autoConfirmUser"] = True
    return event


class Handlers:
    @staticmethod
    def inside(event: dict[str, Any], _context: Any) -> dict[str, Any]:
        return event


class Handler:
    async def __call__(self, event: dict[str, Any], _context: Any) -> dict[str, Any]:
        event["response"]["autoConfirmUser"] = True
        return event


an_object = Handler()


def variadic(*arguments: Any) -> Any:
    seen.append(arguments)
    return arguments[0]


def refuse(event: dict[str, Any], context: Any) -> dict[str, Any]:
    raise TriggerVeto("Sign-up is for\nmembers.\x00")


def refuse_silently(event: dict[str, Any]) -> dict[str, Any]:
    raise TriggerVeto


def lambda_error(event: dict[str, Any]) -> dict[str, Any]:
    return {"errorMessage": "Not today.", "errorType": "Exception", "stackTrace": ["secret"]}


def fail(event: dict[str, Any]) -> dict[str, Any]:
    raise ValueError(f"no way with {event['request'].get('password')}")


def nothing(event: dict[str, Any]) -> None:
    return None


def no_json(event: dict[str, Any]) -> object:
    return {"response": {1, 2}}


def slow(event: dict[str, Any]) -> dict[str, Any]:
    release.wait(10)
    return event


async def slow_async(event: dict[str, Any]) -> dict[str, Any]:
    await asyncio.sleep(10)
    return event


def remaining(event: dict[str, Any], context: Any) -> dict[str, Any]:
    time.sleep(0.01)
    seen.append(context.get_remaining_time_in_millis())
    return event
