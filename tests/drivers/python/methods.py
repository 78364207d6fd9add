"""Methods of the native client, called by the names the language gives them."""

from functools import reduce

from tidegate import RawReply


def call(gateway, request):
    """What the method of that name gives."""
    options = {name: request[name] for name in ("provider",) if name in request}
    if "headers" in request:
        options["extra_headers"] = request["headers"]
    method = reduce(getattr, request["api"].split("."), gateway)
    return method(*request.get("ids", ()), **filled(request.get("request", {})), **options)


def filled(value):
    """The arguments, with files in the places where they are described."""
    if isinstance(value, dict):
        if "$file" in value:
            file = value["$file"]
            return file["name"], file["text"].encode(), file["type"]
        return {name: filled(member) for name, member in value.items()}
    return [filled(one) for one in value] if isinstance(value, list) else value


def body(reply):
    """A whole reply as JSON can hold it."""
    if isinstance(reply, str):
        return str(reply)
    return reply.text if isinstance(reply, RawReply) else reply.to_dict()
