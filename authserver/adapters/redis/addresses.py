"""From `redis_url` to something that runs commands.

`redis://`, `rediss://` and `unix://` as redis-py reads them, and two of ours:

- `redis+sentinel://[user:password@]host:port,host:port/service[/db]`; a password for the sentinels themselves goes into
  the query as `sentinel_username` and `sentinel_password`;
- `redis+cluster://[user:password@]host:port,host:port`.

`rediss+sentinel://` and `rediss+cluster://` are the same over TLS. The query takes redis-py's options (`ssl_ca_certs`,
...); those that would change what replies look like, or send a command twice, are ours to decide.
"""

from typing import Any
from urllib.parse import unquote, urlsplit

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import AbstractConnection, ConnectionPool, SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from authserver.adapters.redis.commands import Commands, PipelinedCommands, PlainCommands
from authserver.adapters.redis.link import TAKES_OVER
from authserver.errors import Invalid

_FORMS = "redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://"
_SENTINEL_PORT = 26379
_PORT = 6379


def commands_for(url: str, *, timeout: float, pipelining: bool = True) -> Commands:
    """What runs commands on the store at `url`. Nothing is connected yet.

    A cluster, and a redis-py that is built differently from the one we know, is served by redis-py's own client.
    Raises Invalid (field `redis_url`) if the URL cannot be understood; it is not quoted, since it may hold a password.
    """
    scheme, separator, _ = url.partition("://")
    base, plus, kind = scheme.partition("+")
    known = scheme in {"redis", "rediss", "unix"} or (base in {"redis", "rediss"} and kind in {"sentinel", "cluster"})
    if not separator or not known:
        raise Invalid(f"redis_url must begin with {_FORMS}.", field="redis_url")
    try:
        if not plus:
            return _of_pool(ConnectionPool(**_decided(dict(parse_url(url)), timeout)), timeout, pipelining=pipelining)
        nodes, options = _several(url, base, _SENTINEL_PORT if kind == "sentinel" else _PORT)
        path = [unquote(part) for part in urlsplit(url).path.split("/") if part]
        if kind == "sentinel":
            return _sentinel(nodes, path, options, timeout, pipelining=pipelining)
        if path not in ([], ["0"]):
            raise Invalid("redis_url must end after the hosts: a cluster has no databases.", field="redis_url")
        return _cluster(nodes, options, timeout)
    except (ValueError, TypeError):  # their words may quote what stands where a port should: the rest of a password
        raise Invalid(
            "redis_url cannot be understood. Special characters in a password must be percent-encoded, and the query "
            "may hold options of redis-py only.",
            field="redis_url",
        ) from None


def _decided(options: dict[str, Any], timeout: float) -> dict[str, Any]:
    """redis-py's options with ours on top."""
    for ours in ("decode_responses", "encoding", "parser_class", "retry_on_timeout", "retry_on_error", "timeout"):
        options.pop(ours, None)
    return options | {
        "protocol": 2,  # no pushed messages between the replies
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "health_check_interval": 0,
    }


def _several(url: str, base: str, default_port: int) -> tuple[list[tuple[str, int]], dict[str, Any]]:
    """The nodes of a URL that names several, and its other options."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    nodes = []
    for host in hosts.split(","):
        node = urlsplit(f"//{host}")
        if not node.hostname:
            raise ValueError("a host is missing")
        nodes.append((node.hostname, node.port or default_port))
    options: dict[str, Any] = dict(parse_url(f"{base}://{user}{at}host/?{parts.query}"))
    for single in ("host", "port", "db", "path"):
        options.pop(single, None)
    if options.pop("connection_class", None) is SSLConnection:
        options["ssl"] = True
    return nodes, options


def _of_pool(pool: ConnectionPool, timeout: float, *, pipelining: bool, sentinel: Sentinel | None = None) -> Commands:
    client = Redis(connection_pool=pool)
    pool.make_connection()  # type: ignore[no-untyped-call]  # redis-py's; an option it does not know shows here

    async def connect() -> AbstractConnection:
        connection: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call]  # redis-py's
        try:
            await connection.connect()  # type: ignore[no-untyped-call]  # redis-py's
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return connection

    async def release() -> None:
        await client.aclose(close_connection_pool=True)
        if sentinel is not None:
            await sentinel.aclose()

    if pipelining and TAKES_OVER:
        return PipelinedCommands(connect, release, timeout=timeout)
    return PlainCommands(client.execute_command, release, timeout=timeout)


def _sentinel(
    nodes: list[tuple[str, int]], path: list[str], options: dict[str, Any], timeout: float, *, pipelining: bool
) -> Commands:
    if len(path) not in {1, 2} or not all(part.isdigit() for part in path[1:]):
        raise Invalid("redis_url must end in /service or /service/db after the sentinels.", field="redis_url")
    own = {name: options.pop(f"sentinel_{name}") for name in ("username", "password") if f"sentinel_{name}" in options}
    settings = _decided(options, timeout)
    not_theirs = {"username", "password"}
    sentinel = Sentinel(  # type: ignore[no-untyped-call]  # redis-py's
        nodes, sentinel_kwargs={k: v for k, v in settings.items() if k not in not_theirs} | own, **settings
    )
    master = sentinel.master_for(path[0], db=int(path[1]) if len(path) > 1 else 0)
    return _of_pool(master.connection_pool, timeout, pipelining=pipelining, sentinel=sentinel)


def _cluster(nodes: list[tuple[str, int]], options: dict[str, Any], timeout: float) -> Commands:
    startup = [ClusterNode(host, port) for host, port in nodes]
    client = RedisCluster(startup_nodes=startup, **_decided(options, timeout))
    return PlainCommands(client.execute_command, client.aclose, timeout=timeout)
