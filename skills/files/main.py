#!/usr/bin/env python3
"""Files in the folders that the user granted: one JSON object on stdin, one on stdout."""

import errno
import json
import os
import stat
import sys

from grants import Grants, Refused

GRANTED = "OPENCLAW_GRANTED"
# Largest file that is read, and longest text that is written.
MOST_BYTES = 4 * 1024 * 1024
CHARS, MOST_CHARS = 20_000, 50_000
MOST_ENTRIES, MOST_HITS, MOST_VISITED = 500, 100, 20_000
LINE_CHARS = 300
BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def text_of(arguments, name, needed=True):
    value = arguments.get(name)
    if value is None and not needed:
        return None
    if not isinstance(value, str):
        raise Refused(f"`{name}` must be a text")
    return value


def number(arguments, name, default, least, most):
    value = arguments.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise Refused(f"`{name}` must be a whole number from {least} to {most}")
    return value


def why(error):
    return error.strerror or type(error).__name__


def when(seconds):
    from datetime import datetime, timezone

    return datetime.fromtimestamp(int(seconds), timezone.utc).isoformat().replace("+00:00", "Z")


def entry(path, shown):
    """What a directory listing says of a path; a link is told, not followed."""
    status = os.lstat(path)
    kinds = ((stat.S_ISDIR, "folder"), (stat.S_ISREG, "file"), (stat.S_ISLNK, "link"))
    kind = next((name for test, name in kinds if test(status.st_mode)), "other")
    found = {"path": shown, "type": kind, "modified": when(status.st_mtime)}
    if kind == "file":
        found["bytes"] = status.st_size
    return found


def load(path):
    """The bytes of a regular file."""
    try:
        # A pipe or a device must not keep us waiting.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise Refused(f"`{path}` can't be read: {why(error)}") from None
    status = os.fstat(descriptor)
    problem = None
    if stat.S_ISDIR(status.st_mode):
        problem = "is a folder; use the action `list`"
    elif not stat.S_ISREG(status.st_mode):
        problem = "is no regular file"
    elif status.st_size > MOST_BYTES:
        problem = f"has {status.st_size} bytes; files of up to {MOST_BYTES // 1024 // 1024} MiB are read"
    if problem:
        os.close(descriptor)
        raise Refused(f"`{path}` {problem}")
    with os.fdopen(descriptor, "rb") as file:
        return file.read(MOST_BYTES)


def decoded(path, body, encoding=None):
    """Text and encoding."""
    if encoding:
        import codecs

        try:
            if not codecs.lookup(encoding)._is_text_encoding:
                raise LookupError
            return body.decode(encoding), encoding
        except LookupError:
            raise Refused(f"`{encoding}` is no encoding known here") from None
        except UnicodeDecodeError:
            raise Refused(f"`{path}` is not written in {encoding}") from None
    for mark, codec in BOMS:
        if body.startswith(mark):
            try:
                return body.decode(codec), codec
            except UnicodeDecodeError:
                break
    if b"\0" in body[:8192]:
        raise Refused(f"`{path}` holds no text")
    try:
        return body.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        raise Refused(f"`{path}` is not UTF-8; give its `encoding`, such as cp949, shift_jis, big5, gb18030 or cp1252") from None


def save(grants, path, body):
    """Replaces a file as a whole: readers see the old one or the new one."""
    folder = os.path.dirname(path)
    mode = None
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode):
            raise Refused(f"`{path}` is no regular file")
        mode = stat.S_IMODE(status.st_mode)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise Refused(f"`{path}` can't be written: {why(error)}") from None
    try:
        if grants.is_root(path):
            # A single granted file: its folder is not ours, so it can't be replaced.
            with open(path, "r+b" if mode is not None else "xb") as file:
                file.write(body)
                file.truncate()
                file.flush()
                os.fsync(file.fileno())
            return
        os.makedirs(folder, exist_ok=True)
        temporary = os.path.join(folder, f".{os.path.basename(path)[:100]}.{os.getpid()}.tmp")
        try:
            with open(temporary, "xb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            if mode is not None:
                os.chmod(temporary, mode)
            os.replace(temporary, path)
        except BaseException:
            if os.path.lexists(temporary):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise Refused(f"`{path}` can't be written: {why(error)}") from None


def do_list(grants, arguments):
    path = text_of(arguments, "path", needed=False) or "."
    if path == "." and len(grants.roots) > 1:
        return {"granted": [{"path": root, "may_write": may_write} for root, may_write in grants.roots]}
    real = grants.resolve(path)
    if not os.path.isdir(real):
        raise Refused(f"`{real}` is no folder" if os.path.lexists(real) else f"there is no `{real}`")
    entries, more = [], False
    for found in walk(real) if arguments.get("recursive") else children(real):
        if len(entries) == MOST_ENTRIES:
            more = True
            break
        entries.append(entry(found, os.path.relpath(found, real)))
    return {"folder": real, "entries": entries, "truncated": more}


def children(folder):
    try:
        return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    except OSError as error:
        raise Refused(f"`{folder}` can't be read: {why(error)}") from None


def walk(folder):
    """Everything below a folder. Links are named, not followed."""
    visited = 0
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(folders + files):
            visited += 1
            if visited > MOST_VISITED:
                return
            yield os.path.join(place, name)


def do_read(grants, arguments):
    path = grants.resolve(text_of(arguments, "path"))
    text, encoding = decoded(path, load(path), text_of(arguments, "encoding", needed=False))
    most = number(arguments, "max_chars", CHARS, 1, MOST_CHARS)
    first = number(arguments, "from_line", 1, 1, 10 ** 9)
    lines = text.splitlines(keepends=True)
    wanted, chars, last = [], 0, first - 1
    for line in lines[first - 1:]:
        if wanted and chars + len(line) > most:
            break
        wanted.append(line[:most])
        chars += len(line)
        last += 1
    answer = {"path": path, "text": "".join(wanted), "encoding": encoding, "from_line": first, "to_line": last, "total_lines": len(lines)}
    answer["truncated"] = last < len(lines) or chars > most
    return answer


def encoded(arguments):
    content = text_of(arguments, "content")
    encoding = text_of(arguments, "encoding", needed=False) or "utf-8"
    try:
        body = content.encode(encoding)
    except LookupError:
        raise Refused(f"`{encoding}` is no encoding known here") from None
    except UnicodeEncodeError as error:
        raise Refused(f"`{content[error.start]}` can't be written in {encoding}") from None
    if len(body) > MOST_BYTES:
        raise Refused(f"`content` has {len(body)} bytes; {MOST_BYTES // 1024 // 1024} MiB are the most")
    return body


def do_write(grants, arguments):
    path, body = grants.resolve(text_of(arguments, "path"), write=True), encoded(arguments)
    existed = os.path.lexists(path)
    if existed and not arguments.get("overwrite"):
        raise Refused(f"`{path}` is there already; set `overwrite` to replace it, or use `append` or `replace`")
    save(grants, path, body)
    return {"path": path, "bytes": len(body), "created": not existed}


def do_append(grants, arguments):
    path, body = grants.resolve(text_of(arguments, "path"), write=True), encoded(arguments)
    existed = os.path.lexists(path)
    before = load(path) if existed else b""
    # What is added begins on a line of its own.
    if before and not before.endswith(b"\n") and not before.startswith((b"\xff\xfe", b"\xfe\xff")):
        before += b"\n"
    if len(before) + len(body) > MOST_BYTES:
        raise Refused(f"`{path}` would become larger than {MOST_BYTES // 1024 // 1024} MiB")
    save(grants, path, before + body)
    return {"path": path, "bytes": len(before) + len(body), "created": not existed}


def do_replace(grants, arguments):
    path = grants.resolve(text_of(arguments, "path"), write=True)
    old, new = text_of(arguments, "old"), text_of(arguments, "new")
    if not old:
        raise Refused("`old` is empty")
    text, encoding = decoded(path, load(path), text_of(arguments, "encoding", needed=False))
    count = text.count(old)
    if count == 0:
        raise Refused(f"`old` does not stand in `{path}`; read the file and copy the text exactly, spaces and line ends too")
    if count > 1 and not arguments.get("all"):
        raise Refused(f"`old` stands {count} times in `{path}`; give more of its surroundings, or set `all`")
    try:
        body = text.replace(old, new).encode(encoding)
    except UnicodeEncodeError:
        raise Refused(f"`new` can't be written in {encoding}") from None
    if len(body) > MOST_BYTES:
        raise Refused(f"`{path}` would become larger than {MOST_BYTES // 1024 // 1024} MiB")
    save(grants, path, body)
    return {"path": path, "replaced": count, "bytes": len(body)}


def do_search(grants, arguments):
    import unicodedata
    from fnmatch import fnmatch

    def plain(text):
        # A Mac's file names are decomposed; 한글 must find itself.
        return unicodedata.normalize("NFC", text).casefold()

    query, names = text_of(arguments, "query", needed=False), text_of(arguments, "names", needed=False)
    if not query and not names:
        raise Refused("`search` needs `query` (words in files), `names` (a pattern such as *.md), or both")
    path = text_of(arguments, "path", needed=False)
    folders = [grants.resolve(path)] if path else [root for root, _ in grants.roots]
    hits, wanted, more = [], plain(query or ""), False
    for folder in folders:
        for found in [folder] if os.path.isfile(folder) else walk(folder):
            if names and not fnmatch(plain(os.path.basename(found)), plain(names)):
                continue
            for hit in hits_in(found, wanted, plain) if query else [entry(found, found)]:
                if len(hits) == MOST_HITS:
                    more = True
                    break
                hits.append(hit)
    return {"hits": hits, "truncated": more}


def hits_in(path, wanted, plain):
    """Lines of a text file; files of other kinds have none."""
    if os.path.islink(path) or not os.path.isfile(path):
        return
    try:
        text, _ = decoded(path, load(path))
    except Refused:
        return
    for count, line in enumerate(text.splitlines(), 1):
        at = plain(line).find(wanted)
        if at >= 0:
            begin = max(at - LINE_CHARS // 2, 0)
            yield {"path": path, "line": count, "text": line[begin:begin + LINE_CHARS].strip()}


def do_info(grants, arguments):
    real = grants.resolve(text_of(arguments, "path"))
    if not os.path.lexists(real):
        raise Refused(f"there is no `{real}`")
    return entry(real, real)


def do_folder(grants, arguments):
    path = grants.resolve(text_of(arguments, "path"), write=True)
    try:
        os.makedirs(path)
    except OSError as error:
        raise Refused(f"`{path}` can't be made: {why(error)}") from None
    return {"path": path, "created": True}


def named(grants, path):
    """The path itself, a link as a link: only the folder it lies in is followed."""
    whole = path.rstrip("/")
    if not os.path.isabs(whole) and len(grants.roots) > 1:
        whole = grants.only_home_of(whole)
    if grants.is_root(whole):
        raise Refused(f"`{whole}` itself is granted; it can't be moved or deleted")
    folder, name = os.path.split(whole)
    if name in ("", ".", ".."):
        raise Refused(f"`{path}` names no file")
    real = os.path.join(grants.resolve(folder or ".", write=True), name)
    if grants.is_root(real):
        raise Refused(f"`{real}` itself is granted; it can't be moved or deleted")
    if not os.path.lexists(real):
        raise Refused(f"there is no `{real}`")
    return real


def do_move(grants, arguments):
    source = named(grants, text_of(arguments, "path"))
    target = grants.resolve(text_of(arguments, "to"), write=True)
    if os.path.isdir(target) and not os.path.isdir(source):
        target = os.path.join(target, os.path.basename(source))
    if os.path.lexists(target) and not (arguments.get("overwrite") and os.path.isfile(target)):
        raise Refused(f"`{target}` is there already")
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.rename(source, target)
    except OSError as error:
        if error.errno == errno.EXDEV and os.path.isfile(source) and not os.path.islink(source):
            # From one granted folder into another: each is a file system of its own in the sandbox.
            save(grants, target, load(source))
            os.unlink(source)
            return {"path": target, "from": source}
        raise Refused(f"`{source}` can't be moved to `{target}`: {why(error)}") from None
    return {"path": target, "from": source}


def do_delete(grants, arguments):
    path = named(grants, text_of(arguments, "path"))
    try:
        if os.path.isdir(path) and not os.path.islink(path):
            os.rmdir(path)
        else:
            os.unlink(path)
    except OSError as error:
        hint = "; only empty folders are deleted" if os.path.isdir(path) else ""
        raise Refused(f"`{path}` can't be deleted: {why(error)}{hint}") from None
    return {"path": path, "deleted": True}


ACTIONS = {"list": do_list, "read": do_read, "write": do_write, "append": do_append, "replace": do_replace, "search": do_search, "info": do_info,
           "folder": do_folder, "move": do_move, "delete": do_delete}
# What each can't do without.
NEEDED = {"read": ("path",), "write": ("path", "content"), "append": ("path", "content"), "replace": ("path", "old", "new"), "info": ("path",),
          "folder": ("path",), "move": ("path", "to"), "delete": ("path",)}


def run(arguments):
    action = arguments.get("action")
    if not isinstance(action, str) or action not in ACTIONS:
        raise Refused(f"`action` must be one of {', '.join(ACTIONS)}")
    for name in NEEDED.get(action, ()):
        text_of(arguments, name)
    return ACTIONS[action](Grants(os.environ.get(GRANTED, "")), arguments)


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
    except (OSError, UnicodeError) as error:
        return fail(f"this could not be done: {error}")
    tell(answer)


def tell(answer):
    sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace"))


def fail(message):
    """What the model is told instead of an answer."""
    tell({"error": message})


if __name__ == "__main__":
    main()
