#!/usr/bin/env python3
"""Runs a command in the sandbox: one JSON object on stdin, one on stdout."""

import json
import os
import sys

TIMEOUT, MOST_SECONDS = 30, 110
MOST_CHARS = 100_000
# What is kept of each output: its beginning and its end.
HEAD = TAIL = 32 * 1024
# How long what the command left behind may still write, in seconds.
GRACE = 0.2
PIECE = 65536


class Refused(Exception):
    """What can't be run, in words for whoever asked."""


class Output:
    """Beginning and end of a stream; what is between is counted."""

    def __init__(self):
        self.head, self.tail, self.total = bytearray(), bytearray(), 0

    def add(self, piece):
        self.total += len(piece)
        room = HEAD - len(self.head)
        self.head += piece[:room]
        self.tail += piece[room:]
        if len(self.tail) > 4 * TAIL:
            del self.tail[:-TAIL]

    def text(self):
        """The text, and whether some of it is missing."""
        cut = self.total - len(self.head) - TAIL
        if cut <= 0:
            return (self.head + self.tail).decode("utf-8", "replace"), False
        # A character that was cut in two is left out.
        head = self.head.decode("utf-8", "ignore")
        tail = self.tail[-TAIL:].lstrip(bytes(range(0x80, 0xC0))).decode("utf-8", "replace")
        return f"{head}\n[… {cut} bytes left out …]\n{tail}", True


def run(arguments):
    command, given = arguments.get("command"), arguments.get("stdin", "")
    if not isinstance(command, str) or not command.strip():
        raise Refused("`command` must be a text for /bin/sh, such as `ls -l`")
    if "\0" in command or not isinstance(given, str):
        raise Refused("`command` can't hold NUL characters, and `stdin` must be a text")
    if len(command) > MOST_CHARS:
        raise Refused(f"`command` has more than {MOST_CHARS} characters; give long texts on `stdin`")
    timeout = arguments.get("timeout", TIMEOUT)
    if isinstance(timeout, bool) or not isinstance(timeout, int) or not 1 <= timeout <= MOST_SECONDS:
        raise Refused(f"`timeout` must be a whole number of seconds from 1 to {MOST_SECONDS}")
    home = os.environ.get("HOME") or "/tmp"
    folder = arguments.get("cwd") or "."
    if not isinstance(folder, str) or "\0" in folder:
        raise Refused("`cwd` must be the path of a folder")
    folder = os.path.join(home, folder)
    if not os.path.isdir(folder):
        raise Refused(f"there is no folder `{folder}`")
    return execute(command, given.encode("utf-8", "replace"), folder, timeout)


def execute(command, given, folder, timeout):
    import selectors
    import signal
    import subprocess
    import time

    begun = time.monotonic()
    try:
        process = subprocess.Popen(["/bin/sh", "-c", command], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, start_new_session=True)
    except OSError as error:
        raise Refused(f"the shell can't be started: {error.strerror}") from None
    outputs = {process.stdout: Output(), process.stderr: Output()}
    timed_out, ended_at = False, None
    with selectors.DefaultSelector() as selector:
        for stream in outputs:
            os.set_blocking(stream.fileno(), False)
            selector.register(stream, selectors.EVENT_READ)
        os.set_blocking(process.stdin.fileno(), False)
        if given:
            selector.register(process.stdin, selectors.EVENT_WRITE)
        else:
            process.stdin.close()
        # A background process may hold the pipes open long after the command has ended.
        while any(stream in outputs for stream in open_streams(selector)) or process.poll() is None:
            now = time.monotonic()
            if ended_at is None and process.poll() is not None:
                ended_at = now
            if ended_at is not None and now - ended_at > GRACE:
                break
            if now - begun > timeout:
                timed_out = True
                break
            if not open_streams(selector):
                # All is read; the end is near.
                try:
                    process.wait(0.05)
                except subprocess.TimeoutExpired:
                    pass
                continue
            for key, _ in selector.select(0.05):
                if key.fileobj is process.stdin:
                    given = feed(process.stdin, given)
                    if not given:
                        selector.unregister(process.stdin)
                        process.stdin.close()
                else:
                    piece = os.read(key.fd, PIECE)
                    if piece:
                        outputs[key.fileobj].add(piece)
                    else:
                        selector.unregister(key.fileobj)
    # All that the command started, unless it left the group; the rest ends with the sandbox.
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    code = process.wait()
    stdout, stdout_cut = outputs[process.stdout].text()
    stderr, stderr_cut = outputs[process.stderr].text()
    answer = {"exit_code": None if timed_out else code, "stdout": stdout, "stderr": stderr, "seconds": round(time.monotonic() - begun, 2)}
    if timed_out:
        answer["timed_out"] = f"the command was ended after {timeout} seconds"
    elif code < 0:
        answer["signal"] = signal.Signals(-code).name
    if stdout_cut or stderr_cut:
        answer["truncated"] = True
    return answer


def open_streams(selector):
    return [key.fileobj for key in selector.get_map().values()]


def feed(stdin, given):
    """Writes what fits; nothing is left when the command does not read."""
    try:
        return given[os.write(stdin.fileno(), given[:PIECE]):]
    except BlockingIOError:
        return given
    except OSError:
        return b""


def main():
    given = sys.stdin.buffer.read()
    try:
        arguments = json.loads(given)
        if not isinstance(arguments, dict):
            raise ValueError("not an object")
    except ValueError as error:
        return fail(f"the arguments are no JSON object: {error}")
    try:
        answer = run(arguments)
    except Refused as error:
        return fail(str(error))
    tell(answer)


def tell(answer):
    sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace"))


def fail(message):
    """What the model is told instead of an answer."""
    tell({"error": message})


if __name__ == "__main__":
    main()
