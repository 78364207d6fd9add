"""The raw door: what the vendors' SDKs are given."""


def answer(gateway, request):
    """By the transport for SDKs where httpx is installed, else by the raw door."""
    method, target, limit = request["method"], request["target"], request.get("cancel_after_bytes")
    headers, body = request.get("headers", {}), request.get("body", "").encode()
    try:
        url = "http://gateway.invalid" + target if target.startswith("/") else target
        client = gateway.http_client()
        opened = client.stream(method, url, headers=headers, content=body)
    except ImportError:
        opened = gateway.request(method, target, headers=headers, body=body)
    with opened as reply:
        data = b""
        for piece in reply.iter_raw() if hasattr(reply, "iter_raw") else reply:
            data += piece
            if limit is not None and len(data) >= limit:
                break
        status = reply.status_code if hasattr(reply, "status_code") else reply.status
        head = {"status": status, "headers": dict(reply.headers)}
    return {**head, "body": data.decode(errors="replace"), "cancelled": limit is not None}
