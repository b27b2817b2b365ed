"""Asks many things at once, each in a conversation of its own, a few at a time."""

import asyncio
import os

from openclaw import AsyncOpenClawClient, OpenClawError

QUESTIONS = ["What is a tortoise?", "What is a hare?", "Who is faster?", "Who wins?"]
AT_ONCE = 2


async def main() -> None:
    turn = asyncio.Semaphore(AT_ONCE)

    async def ask(question: str) -> str:
        async with turn:
            try:
                return (await client.message(question, timeout_ms=120_000)).content
            except OpenClawError as error:
                return f"no answer: {error}"

    async with AsyncOpenClawClient("http://127.0.0.1:18789", os.environ["GATEWAY_AUTH_TOKEN"]) as client:
        for question, answer in zip(QUESTIONS, await asyncio.gather(*map(ask, QUESTIONS))):
            print(f"{question}\n  {answer}")


asyncio.run(main())
