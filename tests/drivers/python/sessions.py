"""Sessions over a WebSocket, act by act."""

from tidegate import TidegateError


def talk(gateway, request):
    """What a session said and how it ended, and the session."""
    home = getattr(gateway, request["api"])
    options = {"extra_headers": request["headers"]} if "headers" in request else {}
    session = home.connect(**request.get("request", {}), **options).enter()
    heard, refused = [], None
    try:
        for act in request["talk"]:
            if "say" in act:
                session.send(act["say"])
            elif "binary" in act:
                session.send(bytes.fromhex(act["binary"]))
            elif "close" in act:
                session.close(*act["close"])
            elif "drop" in act:
                return {"messages": heard}, None
            else:
                heard += [shown(session.recv()) for _ in range(act["hear"])]
        while True:
            heard.append(shown(session.recv()))
    except TidegateError as error:
        refused = error.slug
    return {"messages": heard, "code": session.close_code, "reason": session.close_reason, "refused": refused}, session


def shown(message):
    """A message as JSON can hold it."""
    return {"binary": message.hex()} if isinstance(message, bytes) else message.to_dict()
