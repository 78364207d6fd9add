"""An AI gateway as a library: routing, fallbacks, caching and budgets inside your process.

    from tidegate import Gateway

    gw = Gateway("tidegate.yaml")
    r = gw.chat.completions.create(model="fast", messages=[{"role": "user", "content": "Hello"}])
    print(r.choices[0].message.content, r.gateway.cost)

Importing this does no I/O and starts no thread; each name is loaded when it is first used.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import errors, types
    from ._async_gateway import AsyncGateway
    from ._facts import GatewayFacts
    from ._gateway import Gateway
    from ._raw import AsyncRawReply, RawReply
    from ._server import Server
    from .errors import TidegateError
    from .functions import ProviderError, ProviderRequest

    __version__: str

__all__ = [
    "AsyncGateway",
    "AsyncRawReply",
    "Gateway",
    "GatewayFacts",
    "ProviderError",
    "ProviderRequest",
    "RawReply",
    "Server",
    "TidegateError",
    "__version__",
    "errors",
    "types",
]

_HOMES = {
    "AsyncGateway": "_async_gateway",
    "AsyncRawReply": "_raw",
    "Gateway": "_gateway",
    "GatewayFacts": "_facts",
    "ProviderError": "functions",
    "ProviderRequest": "functions",
    "RawReply": "_raw",
    "Server": "_server",
    "TidegateError": "errors",
    "__version__": "_native",
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in ("errors", "types"):
        return import_module("." + name, __name__)
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module("." + home, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> "list[str]":
    return sorted({*globals(), *__all__})
