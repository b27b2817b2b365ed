"""Answers that nobody wants any more."""

import asyncio
import os

from openclaw import AsyncOpenClawClient, ConflictError, OpenClawClient

address = (os.environ["GATEWAY_URL"], os.environ["GATEWAY_AUTH_TOKEN"])

with OpenClawClient(*address) as client:
    stream = client.message_stream("one")
    for chunk in stream:
        if chunk.content:
            break
    stream.close()
    # Nobody listens, and the run goes on.
    assert client.message_status(stream.run_id).status == "processing"
    assert client.cancel_message(stream.run_id).status == "cancelled"
    try:
        client.wait(stream.run_id)
        raise AssertionError("no conflict")
    except ConflictError as error:
        assert error.details["reason"] == "cancelled" and error.run_id


async def main() -> None:
    async with AsyncOpenClawClient(*address) as client:
        begun = asyncio.get_running_loop().create_future()
        stream = client.message_stream("two")

        async def read() -> None:
            async for chunk in stream:
                if chunk.content and not begun.done():
                    begun.set_result(None)

        task = asyncio.create_task(read())
        await begun
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert (await client.message_status(stream.run_id)).status == "processing"
        following = client.follow_message(stream.run_id)
        assert (await following.__anext__()).type == "start"
        await client.cancel_message(stream.run_id)
        try:
            async for _ in following:
                pass
            raise AssertionError("no conflict")
        except ConflictError:
            pass


asyncio.run(main())
print("ok")
