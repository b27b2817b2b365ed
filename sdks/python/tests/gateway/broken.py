"""A stream whose connection is cut again and again, everywhere, tells what an unbroken one tells."""

import asyncio
import os

from proxy import Proxy

from openclaw import AsyncOpenClawClient, OpenClawClient, RetryPolicy

token = os.environ["GATEWAY_AUTH_TOKEN"]
expected = "".join(f"{number} " for number in range(60))
retry = RetryPolicy(first_delay=0)

# Enough for a head and some events; never enough for all of them.
proxy = Proxy(limit=1500)
with OpenClawClient(proxy.url, token, retry=retry) as client:
    chunks = list(client.message_stream("count"))
assert "".join(chunk.content for chunk in chunks) == expected, chunks
assert len({chunk.id for chunk in chunks}) == len(chunks)
assert proxy.connections > 2, proxy.connections
run_id = chunks[0].data["id"]


async def again() -> str:
    async with AsyncOpenClawClient(Proxy(limit=1000).url, token, retry=retry) as client:
        return "".join([chunk.content async for chunk in client.follow_message(run_id)])


assert asyncio.run(again()) == expected

# Plain answers, too, are asked for until they are whole; the message is sent once.
with OpenClawClient(proxy.url, token, retry=retry) as client:
    assert client.wait(run_id).content == expected
print("ok", proxy.connections)
