"""A conversation in a terminal: python chat.py. An empty line ends it."""

import os

from openclaw import OpenClawClient, OpenClawError


def main() -> None:
    conversation = None
    with OpenClawClient("http://127.0.0.1:18789", os.environ["GATEWAY_AUTH_TOKEN"]) as client:
        while text := ask():
            try:
                stream = client.message_stream(text, conversation_id=conversation)
                for chunk in stream:
                    print(chunk.content, end="", flush=True)
                print()
                conversation = stream.conversation_id
            except OpenClawError as error:
                print(f"({error})")


def ask() -> str:
    try:
        return input("> ")
    except EOFError:
        return ""


main()
