"""The command line as a user meets it: help, unknown flags and values, exit codes, the man page."""

import json
import os
import pathlib
import subprocess
import tempfile
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
        lines = holisafe("completion", "bash").stdout.splitlines()
        paths = [line.split('"')[1].split() for line in lines if line.startswith('    "') and not line.startswith('    "")')]
        self.assertIn(["bench", "run"], paths)
        for path in paths:
            done = holisafe(*path, "--help")
            self.assertEqual(done.returncode, 0, path)
            self.assertTrue(done.stdout, path)

    def test_output_that_cannot_be_written_is_an_error(self):
        with open("/dev/full", "w") as full:
            for command in (["man"], ["completion", "bash"], ["--help"], ["--version"], ["bench", "run", "--help"], ["bench", "list"]):
                done = subprocess.run([PROGRAM, *command], stdout=full, stderr=subprocess.PIPE, text=True)
                self.assertEqual(done.returncode, 2)
                self.assertEqual(done.stderr, "holisafe: error: cannot write: standard output: No space left on device\n")

    def test_messages_that_cannot_be_written_change_nothing(self):
        row = {"id": 1, "image": "a.png", "query": "q", "type": "XXX", "category": "c", "subcategory": "s", "image_safe": True,
               "image_safety_label": 0, "prediction": "p"}
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "p.json"
            file.write_text(json.dumps([row, {**row, "id": 2, "type": "SSU"}]))
            plain = holisafe("bench", "score", str(file))
            self.assertIn("warning", plain.stderr)
            for streams in ("2>/dev/full", "2>&-", "<&- 2>&-"):
                done = subprocess.run(f'"{PROGRAM}" bench score "{file}" {streams}', shell=True, stdout=subprocess.PIPE, text=True)
                self.assertEqual((done.returncode, done.stdout), (plain.returncode, plain.stdout), streams)
        for command, code in (("nosuch 2>/dev/full", 2), ("man >&-", 2), ("man >&- 2>&-", 2)):
            self.assertEqual(subprocess.run(f'"{PROGRAM}" {command}', shell=True, stderr=subprocess.DEVNULL).returncode, code, command)

    def score_file(self, folder, rows):
        plain = {"image": "a.png", "query": "q", "type": "SSU", "category": "c", "subcategory": "s", "image_safe": True,
                 "image_safety_label": 0, "prediction": "p"}
        file = pathlib.Path(folder) / "p.json"
        file.write_text(json.dumps([{"id": number, **plain, **row} for number, row in enumerate(rows)]))
        return str(file)

    def test_warnings_of_a_kind_are_bounded(self):
        with tempfile.TemporaryDirectory() as folder:
            file = self.score_file(folder, [{"type": f"X{number}"} for number in range(1000)] + [{}])
            lines = holisafe("bench", "score", file).stderr.splitlines()
            kind = "holisafe: warning: rows of unknown type skipped: "
            self.assertEqual(sum(line.startswith(kind) for line in lines), 21)
            self.assertEqual(lines[-1], kind + "980 more")
            self.assertEqual(len([line for line in lines if "unknown subcategory" in line]), 1)

    def test_nothing_steers_the_terminal(self):
        steering = "\x1b[31m\x9b31m\x7f\u202egnp\u2066\u200e\u061c"
        with tempfile.TemporaryDirectory() as folder:
            for field in ("subcategory", "type", "image", "query", "id"):
                file = self.score_file(folder, [{field: "x" + steering}, {field: "y" + steering, "image_safe": False}, {}])
                for command in (["bench", "score"], ["bench", "score", "--json"], ["data", "stats"], ["data", "stats", "--json"],
                                ["data", "check"]):
                    done = holisafe(*command, file)
                    for said in (done.stdout, done.stderr):
                        self.assertFalse(set(said) & set(steering) - set("[31mgnp"), (field, command, said))
            strange = pathlib.Path(folder) / f"p{steering}.json"
            strange.write_text(json.dumps([]))
            self.assertIn("\\x1b[31m\\u009b31m\\x7f\\u202egnp", holisafe("bench", "score", str(strange)).stderr)

    def test_outputs_stay_what_they_are(self):
        """Devices, pipes, links and modes of the files that flags name."""
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            self.assertEqual(holisafe("data", "sheet", "--out", str(folder / "plain.png"), "--image-size", "16").returncode, 0)
            expected = (folder / "plain.png").read_bytes()
            sheet = ["data", "sheet", "--image-size", "16", "--out"]
            (folder / "null").symlink_to("/dev/null")
            self.assertEqual(holisafe(*sheet, str(folder / "null")).returncode, 0)
            self.assertTrue((folder / "null").is_symlink() and pathlib.Path("/dev/null").is_char_device())
            os.mkfifo(folder / "pipe")
            child = subprocess.Popen([PROGRAM, *sheet, folder / "pipe"])
            self.assertEqual((folder / "pipe").read_bytes(), expected)
            self.assertEqual(child.wait(), 0)
            self.assertTrue((folder / "pipe").is_fifo())
            (folder / "private.png").touch(0o600)
            (folder / "link.png").symlink_to("private.png")
            self.assertEqual(holisafe(*sheet, str(folder / "link.png")).returncode, 0)
            self.assertTrue((folder / "link.png").is_symlink())
            self.assertEqual(((folder / "private.png").read_bytes(), (folder / "private.png").stat().st_mode & 0o777), (expected, 0o600))
            done = subprocess.run(f'umask 077; "{PROGRAM}" data sheet --image-size 16 --out "{folder}/new.png"; "{PROGRAM}" data sheet --image-size 16 --out /dev/stdout',
                                  shell=True, stdout=subprocess.PIPE)
            self.assertEqual(done.stdout, expected)
            self.assertEqual((folder / "new.png").stat().st_mode & 0o777, 0o600)

    def test_man_page_has_every_command(self):
        page = holisafe("man").stdout
        self.assertIn(".TH HOLISAFE 1", page)
        self.assertIn("holisafe completion", page)


if __name__ == "__main__":
    unittest.main()
