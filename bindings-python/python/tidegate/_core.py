"""What both gateways share: opening engines, leaving the interpreter, making request bytes."""

from __future__ import annotations

import sys
from _weakref import ref

from . import _native
from ._records import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping
    from typing import Any, TypeAlias

    from ._native import Engine
    from .functions import ProviderRequest

    #: A function in the place of a vendor.
    Provider: TypeAlias = Callable[[ProviderRequest], Any]
    Providers: TypeAlias = Mapping[str, Provider] | None
    #: A path, a document, or None for the environment.
    Config: TypeAlias = str | os.PathLike[str] | Mapping[str, Any] | None
    Headers: TypeAlias = Mapping[str, str] | None

#: How long `close` lets running calls finish unless told otherwise, in seconds.
CLOSE_DEADLINE = 2.0

_live: set[ref[Engine]] = set()
_at_exit_registered = False


def source(config: Config) -> tuple[str, str]:
    """The engine's words for where a configuration comes from."""
    if config is None:
        return "env", ""
    if isinstance(config, str):
        return "path", config
    path = getattr(config, "__fspath__", None)
    if path is not None:
        return "path", str(path())
    if hasattr(config, "keys"):
        return "json", encode(config).decode()
    raise TypeError(f"config: a path, a mapping or None, not {type(config).__name__}")


def open_engine(kind: str, text: str, providers: Providers = None) -> Engine:
    """Opens an engine and remembers it for the exit."""
    if not providers:
        return _remember(_native.Engine.open(kind, text))
    from ._functions import Host

    host = Host(dict(providers))
    return _remember(_native.Engine.open(kind, text, host, list(host.functions)))


def provide(engine: Engine, name: str, function: Provider) -> None:
    """Registers a function with an open engine."""
    from ._functions import Host, check

    check(name, function)
    host = engine.host_or(Host({}))
    host.add(engine, name, function)


def connect(url: str, key: str | None) -> Engine:
    """Opens a connection to a server and remembers it for the exit."""
    return _remember(_native.Engine.connect(url, key))


def _remember(engine: Engine) -> Engine:
    global _at_exit_registered
    if not _at_exit_registered:
        _at_exit_registered = True
        import atexit
        from os import environ

        atexit.register(_at_exit)
        # One is the least work for one event loop; blocking calls run on their own threads anyway.
        threads = environ.get("TIDEGATE_THREADS", "")
        _native.set_threads(int(threads) if threads.isdecimal() else 1)
    _live.add(ref(engine, _live.discard))
    return engine


def _at_exit() -> None:
    """Cancels what is in flight and keeps threads from coming back into a dying interpreter."""
    _native.exiting()
    for reference in list(_live):
        engine = reference()
        if engine is not None:
            engine.close(0.0)


def body(params: dict[str, Any], extra: Mapping[str, Any] | None) -> bytes:
    """A request body of the named parameters, in their order."""
    if extra:
        params.update(extra)
    return encode(params)


def headers(extra: Headers, timeout: float | None) -> list[tuple[str, str]] | None:
    """Request headers, or None when there are none."""
    if extra is None and timeout is None:
        return None
    pairs = list(extra.items()) if extra is not None else []
    if timeout is not None:
        pairs.append(("x-tidegate-timeout", f"{max(1, round(timeout * 1000))}ms"))
    return pairs


_warned = False


def warn_in_loop() -> None:
    """Says once that a blocking call holds up a running event loop."""
    global _warned
    asyncio = sys.modules.get("_asyncio")
    if _warned or asyncio is None or asyncio._get_running_loop() is None or "ipykernel" in sys.modules:
        return
    _warned = True
    import warnings

    warnings.warn(
        "a blocking tidegate call holds up the running event loop; use tidegate.AsyncGateway",
        RuntimeWarning,
        stacklevel=4,
    )
