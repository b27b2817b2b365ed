"""Drives the small Slack with slack_bolt and slack_sdk, so that our adapter is tested against something Slack's own clients take for
Slack.

Usage: slack_bolt_client.py URL. Exits with 1 and says what differs.
"""

import json
import logging
import sys
import threading
import time
import urllib.request

from slack_bolt import App, Assistant
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.models.metadata import Metadata
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.response import SocketModeResponse

URL = sys.argv[1].rstrip("/")
BOT, APP_TOKEN = "xoxb-test", "xapp-test"
ME = "U0CLAW"


def same(what, got, expected):
    if got != expected:
        raise AssertionError(f"{what}: got {got!r}, expected {expected!r}")


def lever(verb, **body):
    request = urllib.request.Request(
        f"{URL}/control/{verb}", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def until(what, condition, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {seconds} s")


def fails(error, call, **arguments):
    try:
        answer = call(**arguments)
    except SlackApiError as failure:
        same("error", failure.response["error"], error)
        return failure.response
    raise AssertionError(f"expected {error}, got {answer.data!r}")


def posts(channel):
    return [post for post in lever("posts", channel=channel) if not post["deleted"]]


def answer_to(channel, ts):
    return next((post for post in posts(channel) if post["by_bot"] and post["text"].endswith(ts)), None)


def web(client):
    """The Web API, without a socket."""
    same("auth.test", (client.auth_test()["user_id"], client.auth_test()["bot_id"]), (ME, "B0CLAW"))
    im = client.conversations_open(users="U0ANNA")["channel"]["id"]
    same("im", client.conversations_info(channel=im)["channel"]["user"], "U0ANNA")
    same("name", client.users_info(user="U0ANNA")["user"]["profile"]["display_name"], "Anna")
    same("listed", [c["id"] for c in client.conversations_list(types="public_channel,im")["channels"]], ["C0GEN", "C0OUT", im])
    mine = [c["id"] for page in client.users_conversations(types="public_channel,im", limit=1) for c in page["channels"]]
    same("listed by pages", mine, ["C0GEN", im])

    # Metadata: what a crash between a message and its receipt is resolved by.
    mark = Metadata(event_type="openclaw_part", event_payload={"key": "abc0"})
    sent = client.chat_postMessage(channel=im, text="one", metadata=mark)
    same("sent", (sent["channel"], sent["message"]["bot_id"]), (im, "B0CLAW"))
    found = client.conversations_history(channel=im, include_all_metadata=True, limit=1)["messages"][0]
    same("metadata", (found["ts"], found["metadata"]["event_payload"]), (sent["ts"], {"key": "abc0"}))
    plain = client.conversations_history(channel=im, limit=1)["messages"][0]
    same("without being asked", plain["metadata"], {"event_type": "openclaw_part"})
    for metadata in ({"event_type": "x"}, {"event_payload": {}}):
        fails("invalid_metadata_format", client.chat_postMessage, channel=im, text="x", metadata=metadata)

    # Edits keep the metadata; both are found in the thread.
    reply = client.chat_postMessage(channel=im, thread_ts=sent["ts"], text="two", metadata=mark)
    client.chat_update(channel=im, ts=reply["ts"], text="three")
    thread = client.conversations_replies(channel=im, ts=sent["ts"], include_all_metadata=True)["messages"]
    same("thread", [m["text"] for m in thread], ["one", "three"])
    same("kept", thread[1]["metadata"]["event_payload"], {"key": "abc0"})
    same("root", (thread[0]["reply_count"], thread[1]["thread_ts"]), (1, sent["ts"]))
    same("history without replies", [m["text"] for m in client.conversations_history(channel=im)["messages"]], ["one"])
    pages = [len(page["messages"]) for page in client.conversations_replies(channel=im, ts=sent["ts"], limit=1)]
    same("pages", pages, [1, 1])
    client.reactions_add(channel=im, timestamp=sent["ts"], name="eyes")
    fails("already_reacted", client.reactions_add, channel=im, timestamp=sent["ts"], name="eyes")
    client.chat_delete(channel=im, ts=reply["ts"])
    fails("message_not_found", client.chat_update, channel=im, ts=reply["ts"], text="x")

    # What is refused.
    fails("channel_not_found", client.chat_postMessage, channel="C0NONE", text="x")
    fails("not_in_channel", client.chat_postMessage, channel="C0OUT", text="x")
    fails("no_text", client.chat_postMessage, channel=im, text="")
    client.chat_postMessage(channel=im, text="x" * 40_000)
    fails("msg_too_long", client.chat_postMessage, channel=im, text="x" * 40_001)
    fails("msg_too_long", client.chat_update, channel=im, ts=sent["ts"], text="x" * 4_001)
    client.chat_update(channel=im, ts=sent["ts"], text="x" * 4_000)
    theirs = lever("say", channel=im, text="mine")
    fails("cant_update_message", client.chat_update, channel=im, ts=theirs, text="x")
    lever("archive", channel="C0OUT")
    fails("is_archived", client.chat_postMessage, channel="C0OUT", text="x")
    fails("not_allowed_token_type", client.apps_connections_open, app_token=BOT)
    fails("invalid_auth", WebClient("xoxb-wrong", base_url=f"{URL}/api/").auth_test)
    for error in ("token_revoked", "account_inactive"):
        lever("revoke", token=BOT, error=error)
        fails(error, client.auth_test)
    lever("restore")


def files(client, im):
    client.files_upload_v2(channel=im, content="a,b\n1,2\n", filename="table.csv", title="table.csv", initial_comment="look")
    shared = posts(im)[-1]
    same("shared", (shared["text"], len(shared["files"]), shared["by_bot"]), ("look", 1, True))
    url = client.files_info(file=shared["files"][0])["file"]["url_private"]
    for token, expected in ((BOT, b"a,b\n1,2\n"), ("xoxb-wrong", b"<!DOCTYPE html>")):
        request = urllib.request.Request(url, headers={"authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            same("download", answer.read()[: len(expected)], expected)


def limits(im):
    client = WebClient(BOT, base_url=f"{URL}/api/")
    lever("storm", method="chat.postMessage", times=1, seconds=1)
    response = fails("ratelimited", client.chat_postMessage, channel=im, text="x")
    same("429", (response.status_code, response.headers["Retry-After"]), (429, "1"))
    fails("ratelimited", client.chat_postMessage, channel=im, text="x")
    same("disobeyed", lever("disobeyed"), 1)
    same("other methods go on", client.auth_test()["ok"], True)
    client.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=2))
    same("after the wait", client.chat_postMessage(channel=im, text="waited")["ok"], True)


def bot(client, im):
    """slack_bolt, whole: echo, mentions, edits, commands, panes, a refresh."""
    app, seen, lock = App(client=client), [], threading.Lock()

    @app.event("message")
    def on_message(event, say):
        with lock:
            seen.append(event)
        if event.get("subtype") in (None, "file_share") and event["channel_type"] == "im":
            say(text=f"echo {event['ts']}", thread_ts=event.get("thread_ts"))

    @app.event("app_mention")
    def on_mention(event, say):
        say(text=f"mentioned {event['ts']}", thread_ts=event["ts"])

    @app.command("/openclaw")
    def on_command(ack, command, respond):
        ack(text=f"got {command['text']}")
        respond("later")

    assistant = Assistant()

    @assistant.thread_started
    def on_pane(say, set_suggested_prompts, set_title):
        say("How can I help?")
        set_suggested_prompts(prompts=[{"title": "A", "message": "a"}])
        set_title("Claw")

    @assistant.user_message
    def in_pane(payload, set_status, say):
        set_status("is thinking...")
        say(f"pane {payload['ts']}")

    app.use(assistant)
    handler = SocketModeHandler(app, APP_TOKEN, ping_interval=1)
    handler.connect()
    until("a connection", lambda: lever("connections")["open"] == 1)
    # What was said before is still delivered.
    until("old events acknowledged", lambda: lever("unacked") == 0)

    ts = lever("say", channel=im, text="hi")
    until("an echo", lambda: answer_to(im, ts))
    same("own messages come back as well, and bolt knows them", any(e.get("bot_id") == "B0CLAW" for e in seen), False)
    lever("edit", channel=im, ts=ts, text="hello")
    changed = until("the edit", lambda: next((e for e in seen if e.get("subtype") == "message_changed"), None))
    same("edit", (changed["message"]["text"], changed["previous_message"]["text"], changed["message"]["ts"]), ("hello", "hi", ts))
    reply = lever("say", channel=im, thread=ts, text="in a thread")
    same("thread", until("a reply", lambda: answer_to(im, reply))["thread"], ts)
    # (Changes in threads of a direct chat belong to bolt's assistant, which keeps them to itself.)
    spare = lever("say", channel=im, text="spare")
    lever("delete", channel=im, ts=spare)
    gone = until("the deletion", lambda: next((e for e in seen if e.get("subtype") == "message_deleted"), None))
    same("deletion", (gone["deleted_ts"], gone["previous_message"]["user"]), (spare, "U0ANNA"))

    mention = lever("say", channel="C0GEN", text=f"<@{ME}> hello")
    same("mention", until("an answer", lambda: answer_to("C0GEN", mention))["thread"], mention)
    shared = lever("share", channel=im, text="see", name="a.txt", mime_type="text/plain", content="bytes")
    until("the file's echo", lambda: answer_to(im, shared))
    file = next(e for e in seen if e["ts"] == shared)["files"][0]
    same("file", (file["name"], file["mimetype"], file["size"]), ("a.txt", "text/plain", 5))

    number = lever("command", channel=im, command="/openclaw", text="status")
    acked = until("the command's ack", lambda: (lambda a: a if a["acked"] else None)(lever("acked", delivery=number)))
    same("ack", acked["payload"], {"text": "got status"})
    same("response_url", until("the response", lambda: lever("responses"))[0]["text"], "later")

    pane = lever("pane")
    until("the greeting", lambda: any(p["thread"] == pane["ts"] and p["text"] == "How can I help?" for p in posts(im)))
    question = lever("say", channel=im, thread=pane["ts"], text="in the pane")
    until("the pane's answer", lambda: answer_to(im, question))
    shown = lever("shown", channel=im, ts=pane["ts"])
    same("pane", (shown["statuses"][-2:], shown["title"]), (["is thinking...", ""], "Claw"))

    # A refresh: bolt opens the next connection and closes this one; nothing is lost.
    lever("disconnect", reason="refresh_requested", seconds=5)
    during = [lever("say", channel=im, text=f"during {n}") for n in range(5)]
    until("answers across the refresh", lambda: all(answer_to(im, ts) for ts in during))
    until("one new connection", lambda: (lambda c: c["open"] == 1 and c["opened"] == 2)(lever("connections")))
    until("all acknowledged", lambda: lever("unacked") == 0)
    handler.close()
    until("the goodbye", lambda: lever("connections")["open"] == 0)


def redelivery():
    """What is not acknowledged comes again after three seconds, in a new envelope."""
    client = SocketModeClient(app_token=APP_TOKEN, web_client=WebClient(BOT, base_url=f"{URL}/api/"))
    got = []

    def listen(client, request):
        got.append((request, time.monotonic()))
        if len(got) > 1:
            client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))

    client.socket_mode_request_listeners.append(listen)
    lever("say", channel="C0GEN", text="again")
    client.connect()
    until("the event twice", lambda: len(got) == 2)
    (first, begun), (second, ended) = got
    same("event", second.payload["event_id"], first.payload["event_id"])
    same("envelope", second.envelope_id != first.envelope_id, True)
    same("retry", (first.retry_attempt, second.retry_attempt, second.retry_reason), (0, 1, "timeout"))
    same("patience", 2.5 < ended - begun < 6, True)
    until("acknowledged", lambda: lever("unacked") == 0)
    lever("revoke", token=APP_TOKEN, error="invalid_auth")
    fails("invalid_auth", client.web_client.apps_connections_open, app_token=APP_TOKEN)
    lever("restore")
    client.close()


def main():
    logging.basicConfig(level=logging.CRITICAL)
    client = WebClient(BOT, base_url=f"{URL}/api/")
    lever("user", user="U0ANNA", name="Anna")
    lever("channel", channel="C0GEN")
    lever("channel", channel="C0OUT", member=False)
    web(client)
    im = lever("im")
    files(client, im)
    limits(im)
    bot(client, im)
    redelivery()
    print("slack_bolt takes it for Slack")


if __name__ == "__main__":
    main()
