import os
import tempfile
import unittest
from pathlib import Path

import skill


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = Path(folder.name).resolve()
        self.notes, self.outside = self.top / "notes", self.top / "outside"
        self.notes.mkdir()
        self.outside.mkdir()
        (self.outside / "secret.txt").write_text("secret")
        self.grants = [f"write:{self.notes}"]

    def do(self, action, **arguments):
        return skill.run("files", {"action": action, **arguments}, env={"OPENCLAW_GRANTED": "\n".join(self.grants)})

    def refused(self, said, action, **arguments):
        with self.assertRaisesRegex(skill.Failed, said):
            self.do(action, **arguments)

    def test_without_a_grant_it_says_how(self):
        for grants in ([], ["nonsense", "write:relative", "execute:/tmp"]):
            self.grants = grants
            self.refused("skills: {grants: {files:", "list")

    def test_write_read_append_replace(self):
        self.assertEqual(self.do("write", path="day/한글.md", content="첫 줄"), {"path": f"{self.notes}/day/한글.md", "bytes": 7, "created": True})
        self.assertEqual(self.do("append", path="day/한글.md", content="둘째\n")["created"], False)
        answer = self.do("read", path=f"{self.notes}/day/한글.md")
        self.assertEqual((answer["text"], answer["total_lines"], answer["truncated"], answer["encoding"]), ("첫 줄\n둘째\n", 2, False, "utf-8"))
        self.assertEqual(self.do("replace", path="day/한글.md", old="둘째", new="셋째")["replaced"], 1)
        self.assertEqual((self.notes / "day/한글.md").read_text(encoding="utf-8"), "첫 줄\n셋째\n")
        self.refused("there already", "write", path="day/한글.md", content="")
        self.do("write", path="day/한글.md", content="new", overwrite=True)
        self.assertEqual(os.listdir(self.notes / "day"), ["한글.md"])

    def test_replacing_keeps_the_mode(self):
        path = self.notes / "private"
        path.write_text("a")
        path.chmod(0o600)
        self.do("write", path="private", content="b", overwrite=True)
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)

    def test_replace_wants_one_place(self):
        (self.notes / "a").write_text("x y x")
        self.refused("stands 2 times", "replace", path="a", old="x", new="z")
        self.refused("does not stand", "replace", path="a", old="q", new="z")
        self.refused("is empty", "replace", path="a", old="", new="z")
        self.assertEqual(self.do("replace", path="a", old="x", new="z", all=True)["replaced"], 2)
        self.assertEqual((self.notes / "a").read_text(), "z y z")

    def test_long_files_come_in_parts(self):
        (self.notes / "long").write_text("".join(f"line {n}\n" for n in range(1, 1001)))
        answer = self.do("read", path="long", max_chars=100)
        self.assertEqual((answer["from_line"], answer["to_line"], answer["truncated"], answer["total_lines"]), (1, 13, True, 1000))
        answer = self.do("read", path="long", from_line=999)
        self.assertEqual((answer["text"], answer["truncated"]), ("line 999\nline 1000\n", False))
        (self.notes / "wide").write_text("x" * 1000)
        self.assertEqual((len(self.do("read", path="wide", max_chars=10)["text"]), self.do("read", path="wide", max_chars=10)["truncated"]), (10, True))
        with open(self.notes / "huge", "wb") as file:
            file.truncate(5 * 1024 * 1024)
        self.refused("up to 4 MiB", "read", path="huge")

    def test_encodings(self):
        (self.notes / "old.txt").write_bytes("안녕".encode("cp949"))
        self.refused("cp949", "read", path="old.txt")
        self.assertEqual(self.do("read", path="old.txt", encoding="cp949")["text"], "안녕")
        self.refused("no encoding", "read", path="old.txt", encoding="hex")
        self.do("replace", path="old.txt", old="안", new="편", encoding="cp949")
        self.assertEqual((self.notes / "old.txt").read_bytes(), "편녕".encode("cp949"))
        (self.notes / "wide.txt").write_bytes("안녕".encode("utf-16"))
        self.assertEqual(self.do("read", path="wide.txt")["text"], "안녕")
        (self.notes / "program").write_bytes(b"\x7fELF\0\0")
        self.refused("no text", "read", path="program")
        self.refused("can't be written in", "write", path="new", content="😀", encoding="cp949")

    def test_list_and_info(self):
        (self.notes / "b").mkdir()
        (self.notes / "b" / "c.md").write_text("c")
        (self.notes / "a.md").write_text("ab")
        os.symlink(self.outside, self.notes / "link")
        entries = self.do("list")["entries"]
        self.assertEqual([(entry["path"], entry["type"]) for entry in entries], [("a.md", "file"), ("b", "folder"), ("link", "link")])
        self.assertEqual(entries[0]["bytes"], 2)
        self.assertEqual([entry["path"] for entry in self.do("list", recursive=True)["entries"]], ["a.md", "b", "link", "b/c.md"])
        self.assertRegex(self.do("info", path="a.md")["modified"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.refused("is no folder", "list", path="a.md")
        self.refused("there is no", "list", path="z")
        self.refused("there is no", "info", path="z")

    def test_search(self):
        (self.notes / "회의.md").write_text("First\nThe Lease ends in May\n")
        # As a Mac writes it.
        (self.notes / "\u1112\u116c\u110b\u1174.txt").write_text("x")
        os.symlink(self.outside / "secret.txt", self.notes / "way-out")
        self.assertEqual(self.do("search", query="LEASE")["hits"], [{"path": f"{self.notes}/회의.md", "line": 2, "text": "The Lease ends in May"}])
        self.assertEqual(len(self.do("search", names="*회의*")["hits"]), 2)
        self.assertEqual(self.do("search", query="secret")["hits"], [])
        self.assertEqual(self.do("search", query="lease", names="*.txt")["hits"], [])
        self.refused("needs `query`", "search")
        (self.notes / "many").write_text("hit\n" * 200)
        answer = self.do("search", query="hit", path="many")
        self.assertEqual((len(answer["hits"]), answer["truncated"]), (100, True))

    def test_move_delete_and_folders(self):
        (self.notes / "a").write_text("a")
        self.do("folder", path="deep/er")
        self.assertEqual(self.do("move", path="a", to="deep")["path"], f"{self.notes}/deep/a")
        self.assertEqual(self.do("move", path="deep/a", to="b")["path"], f"{self.notes}/b")
        (self.notes / "c").write_text("c")
        self.refused("there already", "move", path="b", to="c")
        self.do("move", path="b", to="c", overwrite=True)
        self.refused("only empty folders", "delete", path="deep")
        self.do("delete", path="deep/er")
        self.do("delete", path="deep")
        self.do("delete", path="c")
        self.assertEqual(os.listdir(self.notes), [])
        self.refused("there is no", "delete", path="c")
        self.refused("itself is granted", "delete", path=str(self.notes))

    def test_nothing_leads_out(self):
        os.symlink(self.outside, self.notes / "link")
        os.symlink(self.outside / "new.txt", self.notes / "dangling")
        os.symlink("loop", self.notes / "loop")
        for path in ("../outside/secret.txt", f"{self.outside}/secret.txt", "link/secret.txt", "/etc/passwd", f"{self.notes}/../outside/secret.txt", f"{self.notes}-too/x"):
            with self.subTest(path):
                self.refused("outside of what is granted", "read", path=path)
                self.refused("outside of what is granted", "write", path=path, content="x", overwrite=True)
                self.refused("outside of what is granted", "append", path=path, content="x")
                self.refused("outside of what is granted", "replace", path=path, old="s", new="x")
                self.refused("outside of what is granted", "delete", path=path)
                self.refused("outside of what is granted", "move", path=path, to="mine")
        (self.notes / "mine").write_text("mine")
        self.refused("outside of what is granted", "write", path="dangling", content="x")
        self.refused("outside of what is granted", "move", path="mine", to="link/mine")
        self.refused("outside of what is granted", "list", path="link")
        self.refused("outside of what is granted", "search", query="secret", path="link")
        self.refused("`~`", "read", path="~/x")
        self.refused("NUL", "read", path="a\0b")
        self.refused("can't be read", "read", path="loop")
        # A link is deleted as a link.
        self.do("delete", path="link")
        self.assertEqual(os.listdir(self.outside), ["secret.txt"])

    def test_what_is_only_read(self):
        self.grants = [f"read:{self.notes}"]
        (self.notes / "a").write_text("a")
        self.assertEqual(self.do("read", path="a")["text"], "a")
        for action, more in (("write", {"content": "b", "overwrite": True}), ("append", {"content": "b"}), ("replace", {"old": "a", "new": "b"}), ("delete", {}),
                             ("move", {"to": "b"}), ("folder", {})):
            with self.subTest(action):
                self.refused("may be read only", action, path="a", **more)

    def test_several_grants(self):
        self.grants = [f"write:{self.notes}", f"read:{self.outside}"]
        self.assertEqual(self.do("list")["granted"], [{"path": str(self.notes), "may_write": True}, {"path": str(self.outside), "may_write": False}])
        self.assertEqual(self.do("read", path="secret.txt")["text"], "secret")
        self.refused("several places", "write", path="new", content="x")
        self.do("write", path=f"{self.notes}/new", content="x")

    def test_a_single_file(self):
        path = self.notes / "todo.md"
        path.write_text("one\n")
        number = path.stat().st_ino
        self.grants = [f"write:{path}"]
        self.do("append", path=str(path), content="two\n")
        self.assertEqual((path.read_text(), path.stat().st_ino), ("one\ntwo\n", number))
        self.refused("outside", "read", path=f"{self.notes}/other")

    def test_special_files(self):
        os.mkfifo(self.notes / "pipe")
        self.refused("no regular file", "read", path="pipe")
        self.refused("no regular file", "write", path="pipe", content="x", overwrite=True)
        self.refused("is a folder", "read", path=".")

    def test_arguments(self):
        for arguments, said in [({}, "one of list"), ({"action": "read"}, "`path` must be"), ({"action": "read", "path": 1}, "`path` must be"),
                                ({"action": "write", "path": "a"}, "`content` must be"), ({"action": "read", "path": "a", "max_chars": 0}, "`max_chars`|can't be read")]:
            with self.subTest(arguments), self.assertRaisesRegex(skill.Failed, said):
                skill.run("files", arguments, env={"OPENCLAW_GRANTED": self.grants[0]})


if __name__ == "__main__":
    unittest.main()
