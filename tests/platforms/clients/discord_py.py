"""Drives the small Discord server with discord.py 2.7: whatever the library does not understand ends this with an error.

    python discord_py.py http://127.0.0.1:PORT
"""

import asyncio
import io
import json
import sys
import urllib.request

import discord
import yarl
from discord import app_commands

URL = sys.argv[1].rstrip("/")
TOKEN = "discord-test-token"
PATIENCE = 20

discord.http.Route.BASE = f"{URL}/api/v10"
discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(URL.replace("http", "ws", 1) + "/ws")


class Mismatch(Exception):
    pass


def same(got, wanted, what):
    if got != wanted:
        raise Mismatch(f"{what}: {got!r} instead of {wanted!r}")


async def lever(verb, **body):
    """Pulls a lever of the server."""
    body = {name: str(value) if isinstance(value, int) and value > 10**9 else value for name, value in body.items()}

    def ask():
        request = urllib.request.Request(f"{URL}/control/{verb}", json.dumps(body).encode())
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["result"]

    result = await asyncio.to_thread(ask)
    return int(result) if isinstance(result, str) else result


class Client(discord.Client):
    def __init__(self):
        intents = discord.Intents.default()
        intents.message_content = True
        super().__init__(intents=intents)
        self.tree = app_commands.CommandTree(self)
        self.events = asyncio.Queue()

        @self.tree.error
        async def failed(interaction, error):
            await self.events.put(("error", error))

        @self.tree.command(name="status", description="Show how things stand")
        async def status(interaction: discord.Interaction):
            await interaction.response.defer()
            await asyncio.sleep(0.2)
            await interaction.edit_original_response(content="all is well")

        @self.tree.command(name="help", description="Show the commands")
        async def help(interaction: discord.Interaction):
            await interaction.response.send_message("ask me")
            await interaction.followup.send("and again")

    async def on_error(self, name, *args, **kwargs):
        await self.events.put(("error", sys.exc_info()[1]))

    async def on_ready(self):
        await self.events.put(("ready", None))

    async def on_resumed(self):
        await self.events.put(("resumed", None))

    async def on_message(self, message):
        await self.events.put(("message", message))

    async def on_message_edit(self, before, after):
        await self.events.put(("edit", (before, after)))

    async def on_message_delete(self, message):
        await self.events.put(("delete", message))

    async def on_thread_create(self, thread):
        await self.events.put(("thread", thread))

    async def until(self, wanted):
        """The next event of this kind."""
        while True:
            kind, value = await asyncio.wait_for(self.events.get(), PATIENCE)
            if kind == "error":
                raise value
            if kind == wanted:
                return value


async def direct_messages(client):
    chat = await lever("dm", user=7)
    await lever("post", channel=chat, user=7, text="hello")
    message = await client.until("message")
    same((message.content, message.author.id, message.guild), ("hello", 7, None), "a direct message")
    same(message.channel.id, chat, "its channel")
    reply = await message.reply("hello **Anna**", mention_author=False)
    own = await client.until("message")
    same((own.id, own.reference.message_id), (reply.id, message.id), "the bot's own reply")
    async with message.channel.typing():
        await asyncio.sleep(0)
    await reply.edit(content="hello again")
    _, after = await client.until("edit")
    same(after.content, "hello again", "an edit of the bot's")
    await lever("edit", channel=chat, message=message.id, text="hello!")
    before, after = await client.until("edit")
    same((before.content, after.content, after.edited_at is None), ("hello", "hello!", False), "a person's edit")
    await lever("delete", channel=chat, message=message.id)
    same((await client.until("delete")).id, message.id, "a deletion")
    await reply.delete()
    same((await client.until("delete")).id, reply.id, "a deletion of the bot's")
    try:
        await reply.edit(content="gone")
        raise Mismatch("a deleted message was edited")
    except discord.NotFound as error:
        same(error.code, 10008, "the code of a message that is gone")
    return chat


async def servers(client, guild, channel):
    place = client.get_channel(channel)
    same((place.name, place.guild.id), ("general", guild), "the channel from GUILD_CREATE")
    await lever("post", channel=channel, user=8, text=f"<@{client.user.id}> and all the others")
    message = await client.until("message")
    same(client.user in message.mentions, True, "the mention")
    same(message.author.guild.id, guild, "the author as a member")
    thread = await message.create_thread(name="a thread")
    same((thread.id, thread.parent_id), (message.id, channel), "a thread from a message")
    await client.until("thread")
    said = await thread.send("in here")
    same((await client.until("message")).channel.id, thread.id, "a message in a thread")
    other = await lever("thread", channel=channel, name="another")
    same((await client.until("thread")).id, other, "somebody's thread")
    await lever("post", channel=thread.id, user=8, text="yes?", reply_to=said.id)
    answer = await client.until("message")
    same(answer.reference.resolved.content, "in here", "what is replied to")
    same(client.user in answer.mentions, True, "the ping of a reply")
    try:
        await place.send("x" * 2001)
        raise Mismatch("2001 characters were taken")
    except discord.HTTPException as error:
        same((error.status, error.code), (400, 50035), "too long")
    once = await place.send("once", nonce="same-nonce")
    await client.until("message")
    same(once.nonce, "same-nonce", "the nonce")
    again = await client.http.send_message(
        channel,
        params=discord.http.MultipartParameters(
            payload={"content": "twice", "nonce": "same-nonce", "enforce_nonce": True}, multipart=None, files=None
        ),
    )
    same((int(again["id"]), again["content"]), (once.id, "once"), "the message with this nonce")


async def files(client, chat):
    await lever("post", channel=chat, user=7, text="look", file="notes.txt", content="seven")
    message = await client.until("message")
    same((message.attachments[0].filename, message.attachments[0].size), ("notes.txt", 5), "a file")
    same(await message.attachments[0].read(), b"seven", "its bytes")
    sent = await message.channel.send("here", files=[
        discord.File(io.BytesIO(b"one"), "one.txt"), discord.File(io.BytesIO(b"\r\n--two\x00"), "two.bin"),
    ])
    await client.until("message")
    same([file.filename for file in sent.attachments], ["one.txt", "two.bin"], "the bot's files")
    same(await sent.attachments[1].read(), b"\r\n--two\x00", "the bytes of one")


async def history(client, chat):
    place = client.get_channel(chat) or await client.fetch_channel(chat)
    first = await lever("post", channel=chat, user=7, text="0")
    for number in range(1, 130):
        await lever("post", channel=chat, user=7, text=str(number))
    for _ in range(130):
        await client.until("message")
    after = [message.content async for message in place.history(after=discord.Object(first), limit=None)]
    same(after, [str(number) for number in range(1, 130)], "what came after a message, oldest first")
    latest = [message.content async for message in place.history(limit=3)]
    same(latest, ["129", "128", "127"], "the newest first")


async def commands(client, chat, channel):
    registered = await client.tree.sync()
    same(sorted(command.name for command in registered), ["help", "status"], "the commands")
    for place in (chat, channel):
        await lever("command", channel=place, user=7, name="status")
        same((await client.until("message")).flags.loading, True, "the message that is still to come")
        _, message = await client.until("edit")
        same((message.content, message.flags.loading), ("all is well", False), "the answer to a command")
        await lever("command", channel=place, user=7, name="help")
        same([(await client.until("message")).content for _ in range(2)], ["ask me", "and again"], "two answers")


async def limits(client, channel):
    place = client.get_channel(channel)
    before = await lever("state")
    for number in range(7):
        await place.send(f"fast {number}")
        await client.until("message")
    after = await lever("state")
    same(after["refused"], before["refused"], "429s for a client that reads the headers")
    for route in ("POST /channels/{}/messages", None):
        await lever("storm", route=route, seconds=1.2)
        await place.send("patient")
        await client.until("message")
    end = await lever("state")
    same(end["refused"] >= after["refused"] + 2, True, "429s in a storm, obeyed")


async def connections(client, chat):
    """Every way in which a connection ends, and what is told again."""

    async def lost(verb, **how):
        await lever(verb, **how)
        await lever("post", channel=chat, user=7, text=f"during {verb}")
        while (message := await client.until("message")).content != f"during {verb}":
            pass

    state = await lever("state")
    for verb, how in (("close", {"code": 4000}), ("cut", {}), ("reconnect", {}), ("invalidate", {"resumable": True})):
        await lost(verb, **how)
        same((await lever("state"))["resumed"], state["resumed"] + 1, f"sessions resumed after {verb}")
        state = await lever("state")
    await lever("invalidate", resumable=False)
    await client.until("ready")
    same((await lever("state"))["identified"], state["identified"] + 1, "sessions begun after an invalid one")
    await lever("heartbeat", seconds=1)
    await lever("cut")
    await client.until("resumed")
    await asyncio.sleep(4)
    await lever("post", channel=chat, user=7, text="with heartbeats")
    same((await client.until("message")).content, "with heartbeats", "a connection with quick heartbeats")


async def refusals():
    for change, code in (({"allowed": False}, 4014), (None, 4004)):
        if change:
            await lever("allow_content", **change)
        else:
            await lever("allow_content", allowed=True)
        client = Client()
        try:
            if code == 4004:
                await client.login(TOKEN)
                await lever("revoke")
                await client.connect(reconnect=True)
            else:
                await client.start(TOKEN)
            raise Mismatch(f"no refusal with {code}")
        except discord.PrivilegedIntentsRequired:
            same(code, 4014, "intents are refused")
        except discord.ConnectionClosed as error:
            same(error.code, code, "the close code")
        finally:
            await client.close()
    client = Client()
    try:
        await client.login(TOKEN)
        raise Mismatch("a revoked token was taken")
    except discord.LoginFailure:
        pass
    finally:
        await client.close()


async def main():
    guild = await lever("guild", name="Home")
    channel = await lever("channel", guild=guild, name="general")
    client = Client()
    running = asyncio.create_task(client.start(TOKEN))

    async def drive():
        await client.until("ready")
        same((client.user.name, client.user.bot), ("claw", True), "who we are")
        same((await client.application_info()).name, "Claw", "the application")
        chat = await direct_messages(client)
        await servers(client, guild, channel)
        await files(client, chat)
        await history(client, chat)
        await commands(client, chat, channel)
        await limits(client, channel)
        await connections(client, chat)

    driving = asyncio.create_task(drive())
    done, _ = await asyncio.wait({running, driving}, return_when=asyncio.FIRST_COMPLETED)
    await client.close()
    for task in done:
        task.result()
    if driving not in done:
        raise Mismatch("the client ended by itself")
    await refusals()
    print(f"discord.py {discord.__version__} takes the server for Discord")


try:
    asyncio.run(main())
except Mismatch as mismatch:
    sys.exit(f"mismatch: {mismatch}")
