"""The command line as a user meets it: help, unknown flags and values, exit codes, the man page."""

import os
import subprocess
import unittest

PROGRAM = os.environ["HOLISAFE_BIN"]


def holisafe(*arguments):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=60)


class CommandLine(unittest.TestCase):
    def assert_error(self, done, *parts):
        self.assertEqual(done.returncode, 2, done)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertTrue(done.stderr.startswith("holisafe: error: "), done.stderr)
        for part in parts:
            self.assertIn(part, done.stderr)

    def test_unknown_words_name_the_nearest(self):
        self.assert_error(holisafe("gard"), "gard", "guard")
        self.assert_error(holisafe("completion", "bash", "--hlp"), "--hlp", "--help")
        self.assert_error(holisafe("completion", "--hlp"), "--hlp", "--help")
        self.assert_error(holisafe("completion", "bas"), "bas", "bash")

    def test_counts_are_not_negative(self):
        for flags in (["bench", "score", "x.json", "--bootstrap", "-1"], ["bench", "score", "x.json", "--seed=-1"],
                      ["data", "synth", "--out", "/nowhere/x", "--bench", "-1"], ["data", "view", "x", "--out", "y", "--max-width", "-2"]):
            self.assert_error(holisafe(*flags), flags[-1].split("=")[-1])

    def test_an_empty_name_is_not_an_absent_one(self):
        for flags in (["bench", "score", "x.json", "--html", ""], ["bench", "report", "x", "--junit", ""], ["data", "synth", "--out", ""],
                      ["bench", "judge", "x", "--judge", "string", "--judge-prompt", ""]):
            self.assert_error(holisafe(*flags), flags[-2], "empty")
        self.assert_error(holisafe("bench", "report", "x", "--junit="), "--junit")

    def test_alone_prints_help_and_is_an_error(self):
        done = holisafe()
        self.assertEqual(done.returncode, 2)
        self.assertIn("completion", done.stderr)

    def test_help_and_version(self):
        self.assertEqual(holisafe("--help").returncode, 0)
        self.assertIn("Examples:", holisafe("completion", "--help").stdout)
        self.assertRegex(holisafe("--version").stdout, r"^holisafe \d+\.\d+\.\d+\n$")

    def test_every_command_has_help(self):
        for line in holisafe("completion", "bash").stdout.splitlines():
            if line.startswith('    "') and not line.startswith('    "")'):
                path = line.split('"')[1].split()
                done = holisafe(*path, "--help")
                self.assertEqual(done.returncode, 0, path)
                self.assertTrue(done.stdout, path)

    def test_output_that_cannot_be_written_is_an_error(self):
        with open("/dev/full", "w") as full:
            for command in (["man"], ["completion", "bash"]):
                done = subprocess.run([PROGRAM, *command], stdout=full, stderr=subprocess.PIPE, text=True)
                self.assertEqual(done.returncode, 2)
                self.assertRegex(done.stderr, "^holisafe: error: .*No space left on device\n$")

    def test_man_page_has_every_command(self):
        page = holisafe("man").stdout
        self.assertIn(".TH HOLISAFE 1", page)
        self.assertIn("holisafe completion", page)


if __name__ == "__main__":
    unittest.main()
