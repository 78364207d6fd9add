"""Parameters as forms and as queries, in the way of the vendors' own packages."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any


def query(params: Mapping[str, Any]) -> str:
    """`?name=value&...`, or nothing."""
    from urllib.parse import urlencode

    pairs = [(name, _text(value)) for name, value in _flat(params)]
    return "?" + urlencode(pairs) if pairs else ""


def form(params: Mapping[str, Any]) -> tuple[str, bytes]:
    """Content type and body of a form (RFC 7578). Files are bytes, open files, paths, or tuples of a
    name, one of these, and perhaps a content type."""
    from secrets import token_hex

    boundary = "tidegate-" + token_hex(16)
    out: list[bytes] = []
    for name, value in _flat(params):
        start = f'--{boundary}\r\ncontent-disposition: form-data; name="{_quoted(name)}"'
        if _is_file(value):
            filename, content, kind = _file(value)
            start += f'; filename="{_quoted(filename)}"\r\ncontent-type: {kind}'
        else:
            content = _text(value).encode()
        out += [start.encode(), b"\r\n\r\n", content, b"\r\n"]
    out.append(f"--{boundary}--\r\n".encode())
    return f"multipart/form-data; boundary={boundary}", b"".join(out)


def _flat(params: Mapping[str, Any], around: str = "") -> Iterator[tuple[str, Any]]:
    """Lists as `name[]`, objects as `name[member]`; what is None stays out."""
    for name, value in params.items():
        yield from _flat_value(f"{around}[{name}]" if around else name, value)


def _flat_value(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if _is_file(value):
        yield name, value
    elif isinstance(value, dict):
        yield from _flat(value, name)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _flat_value(name + "[]", one)
    elif value is not None:
        yield name, value


def _is_file(value: Any) -> bool:
    if isinstance(value, tuple):
        return 2 <= len(value) <= 4 and (value[0] is None or isinstance(value[0], str)) and _is_content(value[1])
    return _is_content(value)


def _is_content(value: Any) -> bool:
    return isinstance(value, (bytes, bytearray, memoryview)) or hasattr(value, "read") or hasattr(value, "__fspath__")


def _file(value: Any) -> tuple[str, bytes, str]:
    from mimetypes import guess_type
    from os import fspath
    from os.path import basename

    name, content, kind = None, value, None
    if isinstance(value, tuple):
        name, content, kind = (*value, None)[:3]
    if hasattr(content, "__fspath__"):
        name = name or basename(fspath(content))
        with open(content, "rb") as opened:
            content = opened.read()
    elif hasattr(content, "read"):
        own = getattr(content, "name", None)
        name = name or (basename(own) if isinstance(own, str) else None)
        content = content.read()
        content = content.encode() if isinstance(content, str) else content
    name = name or "upload"
    return name, bytes(content), kind or guess_type(name)[0] or "application/octet-stream"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _quoted(name: str) -> str:
    """As browsers write names in forms."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
