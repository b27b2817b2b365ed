import tempfile
import time
import unittest

import skill


class Shell(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = folder.name

    def sh(self, command, **arguments):
        return skill.run("shell", {"command": command, **arguments}, env={"HOME": self.home})

    def test_output_and_exit_code(self):
        answer = self.sh("echo out; echo err >&2; exit 7")
        self.assertEqual((answer["exit_code"], answer["stdout"], answer["stderr"]), (7, "out\n", "err\n"))
        self.assertNotIn("truncated", answer)
        self.assertEqual(self.sh("pwd -P; echo 한글")["stdout"].splitlines()[1], "한글")

    def test_stdin(self):
        self.assertEqual(self.sh("tr a-z A-Z", stdin="text")["stdout"], "TEXT")
        # What is not read does not hold anybody up.
        self.assertEqual(self.sh("exec <&-; echo done", stdin="x" * 1_000_000)["stdout"], "done\n")
        self.assertEqual(self.sh("cat | wc -c", stdin="x" * 1_000_000)["stdout"].strip(), "1000000")
        self.assertEqual(self.sh("cat")["stdout"], "")

    def test_the_folder(self):
        self.sh("mkdir sub && echo here > sub/file")
        self.assertEqual(self.sh("cat file", cwd="sub")["stdout"], "here\n")
        with self.assertRaisesRegex(skill.Failed, "there is no folder"):
            self.sh("ls", cwd="nowhere")

    def test_long_output_keeps_both_ends(self):
        answer = self.sh("echo begin; head -c 3000000 /dev/zero | tr '\\0' x; echo end")
        self.assertTrue(answer["truncated"])
        self.assertTrue(answer["stdout"].startswith("begin\n") and answer["stdout"].endswith("end\n"))
        self.assertRegex(answer["stdout"], "29[0-9]{5} bytes left out")
        self.assertLess(len(answer["stdout"]), 66 * 1024)
        exact = self.sh("head -c 65536 /dev/zero | tr '\\0' y")
        self.assertEqual((len(exact["stdout"]), "truncated" in exact), (65536, False))
        korean = self.sh("i=0; while [ $i -lt 3000 ]; do printf '가나다라마바사아자차'; i=$((i+1)); done")
        self.assertNotIn("\ufffd", korean["stdout"])
        self.assertIn("\ufffd", self.sh("printf '\\377'")["stdout"])

    def test_time_is_bounded(self):
        begun = time.monotonic()
        answer = self.sh("echo first; trap '' TERM; sleep 60; echo never", timeout=1)
        self.assertEqual((answer["exit_code"], answer["stdout"]), (None, "first\n"))
        self.assertIn("1 seconds", answer["timed_out"])
        # What stays behind in the background is not waited for.
        answer = self.sh("sleep 60 & echo done")
        self.assertEqual((answer["exit_code"], answer["stdout"]), (0, "done\n"))
        self.assertLess(time.monotonic() - begun, 20)

    def test_signals(self):
        self.assertEqual(self.sh("kill -SEGV $$")["signal"], "SIGSEGV")

    def test_arguments(self):
        for arguments, said in [({}, "`command` must be"), ({"command": " "}, "`command` must be"), ({"command": "a\0b"}, "NUL"), ({"command": "x" * 100_001}, "more than 100000"),
                                ({"command": "ls", "timeout": 0}, "`timeout`"), ({"command": "ls", "timeout": 500}, "`timeout`"), ({"command": "ls", "stdin": 1}, "`stdin`"),
                                ({"command": "ls", "cwd": 1}, "`cwd`")]:
            with self.subTest(arguments.get("command", "")[:10]), self.assertRaisesRegex(skill.Failed, said):
                skill.run("shell", arguments)


if __name__ == "__main__":
    unittest.main()
