"""From what Redis or redis-py reports to what the roles raise."""

import re

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisClusterException, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from authserver.errors import StoreUnavailable

READ_ONLY = "READONLY"

# Replies that speak of the server's state and not of our command. Before Redis 7 the code of an error inside a script
# stands in the middle of the text, behind a dash.
_UNAVAILABLE = re.compile(
    r"(?:^|-)(LOADING|READONLY|OOM|CLUSTERDOWN|MASTERDOWN|NOREPLICAS|MISCONF|TRYAGAIN|BUSY|UNKILLABLE|NOAUTH|WRONGPASS|NOPERM"
    r"|MOVED|ASK)\b"
)


def reply_fault(text: str) -> Exception:
    """The exception for an error reply: StoreUnavailable, NoScriptError, or ResponseError for a mistake of ours."""
    if text.startswith("NOSCRIPT"):
        return NoScriptError(text)
    if _UNAVAILABLE.search(text) is not None:
        return StoreUnavailable(detail=f"redis: {text}")
    return ResponseError(text)


def client_fault(error: Exception) -> Exception:
    """The same for an exception of redis-py, which has cut the code off the text of most error replies."""
    if isinstance(error, NoScriptError | StoreUnavailable):
        return error
    if type(error) is ResponseError:
        return reply_fault(str(error))
    if isinstance(error, RedisConnectionError | RedisTimeoutError | RedisError | RedisClusterException | OSError):
        return StoreUnavailable(detail=f"redis: {type(error).__name__}: {error}")
    return error
