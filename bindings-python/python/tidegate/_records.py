"""JSON objects with attributes, and replies that are parsed when first looked into."""

from __future__ import annotations

from json import JSONDecoder, JSONEncoder
from operator import methodcaller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from typing_extensions import Self

    from ._facts import GatewayFacts
    from ._native import Head

#: Members that the vendors leave out when they have nothing to say. They read as None, as in the
#: vendors' own packages; any other absent name is an AttributeError, so that a typing mistake shows.
_OPTIONAL = frozenset(
    (  # noqa: SIM905
        "annotations audio cache_creation cache_creation_input_tokens cache_read_input_tokens cached_tokens "
        "caller choices citations completion_tokens_details container content context_management created delta "
        "error filename finish_reason function function_call id index input logprobs message moderation name "
        "obfuscation output_tokens owned_by partial_json prompt_tokens_details reasoning reasoning_content "
        "reasoning_tokens refusal role server_tool_use service_tier signature stop_details stop_reason "
        "stop_sequence system_fingerprint text thinking title tool_calls type usage"
    ).split()
)


def missing(kind: str, name: str, known: Any) -> AttributeError:
    """The error for a member that is neither there nor one that may be left out."""
    return AttributeError(f"{kind} has no member {name!r}; it has {', '.join(map(str, known)) or 'none'}")


class Record(dict):  # type: ignore[type-arg]
    """A JSON object. A plain dict whose members are attributes too."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        raise missing("this object", name, self)

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        del self[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(key for key in self if isinstance(key, str))]

    def to_dict(self, *, exclude_none: bool = False) -> dict[str, Any]:
        """A copy made of plain dicts and lists, without members that are None if so wished."""
        return plain(self, exclude_none)  # type: ignore[no-any-return]

    model_dump = to_dict

    def to_json(self) -> str:
        """The object as JSON."""
        return encode(self).decode()

    model_dump_json = to_json


def plain(value: Any, exclude_none: bool = False) -> Any:
    """A copy of `value` without any class of ours."""
    if isinstance(value, dict):
        return {
            key: plain(member, exclude_none) for key, member in value.items() if member is not None or not exclude_none
        }
    if isinstance(value, list):
        return [plain(member, exclude_none) for member in value]
    return value


_decoder = JSONDecoder(object_hook=Record)
_scan: Any = _decoder.scan_once  # type: ignore[attr-defined]


def decode(text: str) -> Any:
    """The JSON value in `text`, its objects as records."""
    try:
        value, end = _scan(text, 0)
        if end == len(text):
            return value
    except StopIteration:
        pass
    # White space around the value, or a mistake.
    return _decoder.decode(text)


def _other(value: Any) -> Any:
    """What stands for an object that is no JSON type: replies and other packages' models."""
    for name in ("to_dict", "model_dump", "_asdict"):
        method = getattr(value, name, None)
        if method is not None:
            return method()
    if hasattr(value, "__fspath__"):
        return value.__fspath__()
    if type(value).__name__ == "Decimal":
        return str(value)
    if hasattr(value, "keys"):
        return dict(value)
    if hasattr(value, "__iter__") and not isinstance(value, (bytes, bytearray, memoryview)):
        return list(value)
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")


_encode = JSONEncoder(
    separators=(",", ":"), ensure_ascii=False, check_circular=False, allow_nan=False, default=_other
).encode


def encode(value: Any) -> bytes:
    """`value` as JSON in UTF-8. Text that UTF-8 cannot hold (lone surrogates) goes as escapes."""
    try:
        return _encode(value).encode()
    except UnicodeEncodeError:
        return JSONEncoder(separators=(",", ":"), allow_nan=False, default=_other).encode(value).encode()


class Reply:
    """A reply. It keeps the bytes as they came and parses them once, when a member is asked for."""

    __slots__ = ("_head", "_parsed", "_raw")

    def __init__(self, raw: bytes, head: Head | None = None) -> None:
        self._raw = raw
        self._head = head
        self._parsed: Record | None = None

    @property
    def _data(self) -> Record:
        data = self._parsed
        if data is None:
            self._parsed = data = decode(self._raw.decode())
        return data

    def __getattr__(self, name: str) -> Any:
        data = self._data
        if name in data:
            return data[name]
        raise missing(type(self).__name__, name, data)

    def __getitem__(self, name: str) -> Any:
        return self._data[name]

    def __contains__(self, name: object) -> bool:
        return name in self._data

    def __iter__(self) -> Iterator[Any]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def keys(self) -> Any:
        """Names of the members."""
        return self._data.keys()

    def get(self, name: str, default: Any = None) -> Any:
        """A member, or `default`."""
        return self._data.get(name, default)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Reply):
            return self._raw == other._raw or self._data == other._data
        return self._data == other if isinstance(other, dict) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._data]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict.__repr__(self._data)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._raw,)

    def __copy__(self) -> Self:
        return type(self)(self._raw, self._head)

    def __deepcopy__(self, memo: object) -> Self:
        return self.__copy__()

    @property
    def gateway(self) -> GatewayFacts:
        """What the gateway did with the call. Not part of a pickle or of a streamed chunk."""
        from ._facts import GatewayFacts

        if self._head is None:
            raise AttributeError("the gateway's facts are on the reply, or on the stream, that came from it")
        return GatewayFacts(self._head)

    @property
    def raw(self) -> bytes:
        """The body as it came."""
        return self._raw

    def to_dict(self, *, exclude_none: bool = False) -> dict[str, Any]:
        """A copy made of plain dicts and lists, without members that are None if so wished."""
        return plain(self._data, exclude_none)  # type: ignore[no-any-return]

    model_dump = to_dict

    def to_json(self) -> str:
        """The body as it came, as text."""
        return self._raw.decode()

    model_dump_json = to_json


def _member(name: str) -> property:
    def get(self: Reply) -> Any:
        data = self._parsed
        return (self._data if data is None else data).get(name)

    return property(get)


# Descriptors, because a miss that falls through to `__getattr__` costs ten times as much.
for _name in _OPTIONAL:
    setattr(Record, _name, property(methodcaller("get", _name)))
    setattr(Reply, _name, _member(_name))
