"""Drives the small Bot API server with aiogram, so that our adapter is tested against something a real client takes for Telegram.

Usage: telegram_aiogram.py URL. Exits with 1 and says what differs.
"""

import asyncio
import sys
import time

import aiohttp
from aiohttp import web
from aiogram import Bot, Dispatcher, F
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.enums import ChatAction, ParseMode
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramConflictError,
    TelegramEntityTooLarge,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.webhook.aiohttp_server import SimpleRequestHandler
from aiogram.types import BotCommand, BufferedInputFile, LinkPreviewOptions, Message, ReplyParameters

URL = sys.argv[1].rstrip("/")
TOKEN = "42:TEST"


def same(what, got, expected):
    if got != expected:
        raise AssertionError(f"{what}: got {got!r}, expected {expected!r}")


async def fails(kind, part, call):
    try:
        answer = await call
    except kind as error:
        if part not in str(error):
            raise AssertionError(f"{kind.__name__} should say {part!r}, but says {error}") from error
        return error
    raise AssertionError(f"expected {kind.__name__} ({part}), got {answer!r}")


async def lever(verb, **body):
    async with aiohttp.ClientSession() as http, http.post(f"{URL}/control/{verb}", json=body) as answer:
        same(f"lever {verb}", answer.status, 200)
        return await answer.json()


async def until(what, condition):
    end = time.monotonic() + 10
    while time.monotonic() < end:
        found = await condition()
        if found:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"within ten seconds did not happen: {what}")


def a_bot(token=TOKEN):
    return Bot(token, session=AiohttpSession(api=TelegramAPIServer.from_base(URL)))


async def identity(bot):
    me = await bot.get_me()
    same("getMe", (me.id, me.is_bot, me.username), (42, True, "claw_bot"))
    await bot.set_my_commands([BotCommand(command="new", description="A new conversation")])
    same("getMyCommands", [c.command for c in await bot.get_my_commands()], ["new"])
    await fails(TelegramBadRequest, "BOT_COMMAND_INVALID", bot.set_my_commands([BotCommand(command="No!", description="x")]))


async def polling(bot):
    """An echo bot by aiogram's own dispatcher: messages, replies, edits, mentions, in order and once each."""
    seen, edits = [], []
    dispatcher = Dispatcher()

    @dispatcher.message(F.text)
    async def echo(message: Message):
        seen.append(message)
        await message.reply(f"<b>{message.text}</b> 😀", parse_mode=ParseMode.HTML)

    @dispatcher.edited_message()
    async def edited(message: Message):
        edits.append(message)

    running = asyncio.create_task(dispatcher.start_polling(bot, handle_signals=False, close_bot_session=False))
    anna = await lever("private", user=7, name="Anna")
    first = await lever("post", chat=anna, text="one")
    for text in ("two", "three"):
        await lever("post", chat=anna, text=text)

    async def answers():
        sent = await lever("sent", chat=anna)
        return sent if len(sent) == 3 else None

    sent = await until("three echoes", answers)
    same("echoes", sorted(s["text"] for s in sent), ["one 😀", "three 😀", "two 😀"])
    same("what the first replies to", [s["reply_to"] for s in sent if s["text"] == "one 😀"], [first])
    same("entities", sent[0]["entities"][0]["type"], "bold")
    same("order", [m.text for m in seen], ["one", "two", "three"])
    same("chat", (seen[0].chat.type, seen[0].from_user.first_name), ("private", "Anna"))

    await lever("edit", chat=anna, message=first, text="one, changed")

    async def changed():
        return edits

    await until("an edit", changed)
    same("edit", (edits[0].message_id, edits[0].text, edits[0].edit_date is not None), (first, "one, changed", True))

    group = await lever("group", title="Friends")
    reply = await lever("post", chat=group, text="😀 @claw_bot hello")

    async def heard():
        return next((m for m in seen if m.message_id == reply and m.chat.id == group), None)

    mention = await until("a mention", heard)
    entity = mention.entities[0]
    same("mention", (entity.type, entity.extract_from(mention.text)), ("mention", "@claw_bot"))
    await dispatcher.stop_polling()
    await running
    return anna, first


async def offsets(bot, anna):
    await lever("post", chat=anna, text="a")
    await lever("post", chat=anna, text="b")
    updates = await bot.get_updates(timeout=1)
    same("updates", [u.message.text for u in updates], ["a", "b"])
    same("not confirmed: again", [u.message.text for u in await bot.get_updates()], ["a", "b"])
    same("limit", len(await bot.get_updates(limit=1)), 1)
    same("from the second on", [u.message.text for u in await bot.get_updates(offset=updates[1].update_id)], ["b"])
    begun = time.monotonic()
    same("nothing left", await bot.get_updates(offset=updates[1].update_id + 1, timeout=1), [])
    if time.monotonic() - begun < 0.9:
        raise AssertionError("a long poll ended before its time")
    first = asyncio.create_task(bot.get_updates(timeout=10))
    await asyncio.sleep(0.2)
    second = asyncio.create_task(bot.get_updates(timeout=10))
    await fails(TelegramConflictError, "terminated by other getUpdates request", first)
    await lever("post", chat=anna, text="c")
    updates = await second
    same("the second poll", [u.message.text for u in updates], ["c"])
    await bot.get_updates(offset=updates[0].update_id + 1)


async def redelivery(bot, anna):
    await lever("post", chat=anna, text="once")
    update = (await bot.get_updates(timeout=5))[0]
    same("confirmed", await bot.get_updates(offset=update.update_id + 1), [])
    await lever("replay")
    again = (await bot.get_updates(timeout=5))[0]
    same("again", (again.update_id, again.message.text), (update.update_id, "once"))
    await bot.get_updates(offset=update.update_id + 1)


async def posted(bot, anna):
    """Updates that come by POST: in order, with the secret, until they are taken."""
    seen, refusals = [], [503, 503]
    dispatcher = Dispatcher()

    @dispatcher.message()
    async def heard(message: Message):
        seen.append(message.text)

    handler = SimpleRequestHandler(dispatcher, bot, secret_token="s3cret", handle_in_background=False)

    async def hook(request):
        if refusals:
            return web.Response(status=refusals.pop())
        return await handler.handle(request)

    application = web.Application()
    application.router.add_post("/hook", hook)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    await bot.set_webhook(f"http://127.0.0.1:{port}/hook", secret_token="s3cret")
    for text in ("x", "y"):
        await lever("post", chat=anna, text=text)

    async def both():
        return len(seen) == 2

    await until("two updates by POST", both)
    same("order", seen, ["x", "y"])
    await bot.delete_webhook()
    await runner.cleanup()
    same("nothing waits", await bot.get_updates(), [])


async def webhooks(bot):
    await bot.set_webhook("http://127.0.0.1:1/hook", secret_token="a_b-1")
    info = await bot.get_webhook_info()
    same("webhook", (info.url, info.has_custom_certificate), ("http://127.0.0.1:1/hook", False))
    await fails(TelegramConflictError, "can't use getUpdates method while webhook is active", bot.get_updates())
    await fails(TelegramBadRequest, "unallowed characters", bot.set_webhook("http://x/", secret_token="a b"))
    await bot.delete_webhook()
    same("no webhook", (await bot.get_webhook_info()).url, "")


async def messages(bot, anna, first):
    message = await bot.send_message(
        anna,
        '<a href="https://x.org">x</a> &lt;&amp;&gt; <pre><code class="language-rust">fn main() {}</code></pre>',
        parse_mode=ParseMode.HTML,
        link_preview_options=LinkPreviewOptions(is_disabled=True),
        reply_parameters=ReplyParameters(message_id=first),
    )
    same("text", message.text, "x <&> fn main() {}")
    same("entities", [(e.type, e.url or e.language) for e in message.entities], [("text_link", "https://x.org/"), ("pre", "rust")])
    same("reply", message.reply_to_message.message_id, first)
    for html, said in [
        ("<b>x", "Can't find end tag corresponding to start tag"),
        ("<x>y</x>", 'Unsupported start tag "x" at byte offset 0'),
        ("<b>x</i>", "Unmatched end tag at byte offset 4"),
    ]:
        await fails(TelegramBadRequest, said, bot.send_message(anna, html, parse_mode=ParseMode.HTML))
    await bot.send_message(anna, "<b>" + "x" * 4096 + "</b>", parse_mode=ParseMode.HTML)
    await fails(TelegramBadRequest, "message is too long", bot.send_message(anna, "x" * 4097))
    await fails(TelegramBadRequest, "message text is empty", bot.send_message(anna, "  "))
    await fails(TelegramBadRequest, "chat not found", bot.send_message(12345, "x"))
    await fails(TelegramBadRequest, "message to be replied not found", bot.send_message(anna, "x", reply_parameters=ReplyParameters(message_id=99999)))
    await fails(TelegramBadRequest, "message thread not found", bot.send_message(anna, "x", message_thread_id=5))

    message = await bot.send_message(anna, "draft")
    edited = await message.edit_text("<i>done</i>", parse_mode=ParseMode.HTML)
    same("edited", (edited.message_id, edited.text, edited.edit_date is not None), (message.message_id, "done", True))
    await fails(TelegramBadRequest, "message is not modified", message.edit_text("<i>done</i>", parse_mode=ParseMode.HTML))
    await fails(TelegramBadRequest, "message to edit not found", bot.edit_message_text("x", chat_id=anna, message_id=99999))
    await fails(TelegramBadRequest, "message can't be edited", bot.edit_message_text("x", chat_id=anna, message_id=first))
    same("history", (await lever("sent", chat=anna))[-1]["history"], ["draft"])
    same("deleted", await message.delete(), True)
    await fails(TelegramBadRequest, "message to delete not found", message.delete())
    same("action", await bot.send_chat_action(anna, ChatAction.TYPING), True)
    same("getChat", (await bot.get_chat(anna)).type, "private")


async def files(bot, anna):
    message = await bot.send_document(anna, BufferedInputFile(b"12345\r\n--x", "notes.txt"), caption="<b>c</b>", parse_mode="HTML")
    same("document", (message.document.file_name, message.document.file_size, message.caption), ("notes.txt", 10, "c"))
    message = await bot.send_photo(anna, BufferedInputFile(b"picture", "a.png"))
    same("sizes", len(message.photo), 3)
    await fails(TelegramBadRequest, "caption is too long", bot.send_photo(anna, BufferedInputFile(b"p", "a.png"), caption="x" * 1025))
    await lever("post", chat=anna, text="look", kind="document", file_name="in.txt", content="the content")
    update = (await bot.get_updates(timeout=5))[-1]
    file = await bot.get_file(update.message.document.file_id)
    content = await bot.download_file(file.file_path)
    same("download", (content.read(), update.message.caption), (b"the content", "look"))
    await fails(TelegramBadRequest, "invalid file_id", bot.get_file("nothing"))
    await bot.get_updates(offset=update.update_id + 1)


async def topics(bot):
    forum = await lever("supergroup", title="Team", forum=True)
    same("getChat", (await bot.get_chat(forum)).is_forum, True)
    await fails(TelegramBadRequest, "message thread not found", bot.send_message(forum, "x", message_thread_id=77))
    topic = await lever("topic", chat=forum, title="Plans")
    await lever("post", chat=forum, thread=topic, text="in the topic")
    created, said = await bot.get_updates(timeout=5)
    same("topic", created.message.forum_topic_created.name, "Plans")
    same("in it", (said.message.is_topic_message, said.message.message_thread_id), (True, topic))
    message = await said.message.reply("there")
    same("answer", (message.message_thread_id, message.is_topic_message), (topic, True))
    await bot.get_updates(offset=said.update_id + 1)


async def migration(bot):
    group = await lever("group", title="Friends")
    await bot.send_message(group, "before")
    new = await lever("migrate", chat=group)
    error = await fails(TelegramMigrateToChat, "upgraded to a supergroup", bot.send_message(group, "after"))
    same("migrate_to_chat_id", error.migrate_to_chat_id, new)
    await bot.send_message(new, "after")
    old, moved = await bot.get_updates(timeout=5)
    same("told", (old.message.migrate_to_chat_id, moved.message.migrate_from_chat_id), (new, group))
    await bot.get_updates(offset=moved.update_id + 1)


async def refusals(bot, anna):
    await lever("storm", chat=anna, seconds=2)
    error = await fails(TelegramRetryAfter, "Too Many Requests", bot.send_message(anna, "too soon"))
    if not 1 <= error.retry_after <= 2:
        raise AssertionError(f"retry_after is {error.retry_after}")
    await asyncio.sleep(error.retry_after + 0.05)
    await bot.send_message(anna, "late enough")
    await lever("private", user=9, name="Bob")
    await lever("close", chat=9)
    await fails(TelegramForbiddenError, "bot was blocked by the user", bot.send_message(9, "x"))
    await fails(TelegramEntityTooLarge, "Request Entity Too Large", bot.send_document(anna, BufferedInputFile(bytes(50 * 2**20 + 1), "big")))
    other = a_bot("42:WRONG")
    await fails(TelegramUnauthorizedError, "Unauthorized", other.get_me())
    await other.session.close()
    async with aiohttp.ClientSession() as http, http.get(f"{URL}/bot{TOKEN}/noSuchMethod") as answer:
        same("unknown method", (answer.status, (await answer.json())["description"]), (404, "Not Found: method not found"))
    waiting = asyncio.create_task(bot.get_updates(timeout=10))
    await asyncio.sleep(0.2)
    await lever("revoke")
    await fails(TelegramUnauthorizedError, "Unauthorized", waiting)
    await fails((TelegramUnauthorizedError, TelegramNotFound), "Unauthorized", bot.get_me())


async def main():
    bot = a_bot()
    try:
        await identity(bot)
        anna, first = await polling(bot)
        await bot.get_updates(offset=-1)
        for update in await bot.get_updates():
            await bot.get_updates(offset=update.update_id + 1)
        await offsets(bot, anna)
        await redelivery(bot, anna)
        await webhooks(bot)
        await posted(bot, anna)
        await messages(bot, anna, first)
        await files(bot, anna)
        await topics(bot)
        await migration(bot)
        await refusals(bot, anna)
    finally:
        await bot.session.close()
    print("aiogram found nothing that differs from Telegram")


try:
    asyncio.run(asyncio.wait_for(main(), 90))
except Exception as error:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    if not isinstance(error, AssertionError):
        raise
    sys.exit(1)
