"""Rows as other tools write them and shells hand them over: pipes, lines, byte order marks, halves of surrogate pairs, fields that
stand twice, other encodings."""

import json
import os
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench_run_case import Case, environment  # noqa: E402
from bench_soak import PROGRAM, command, make_data  # noqa: E402
from fake_endpoint import FakeEndpoint  # noqa: E402


def without_file(line):
    score = json.loads(line)
    del score["file"]
    return score


class Input(Case):
    def setUp(self):
        super().setUp()
        self.data = make_data(self.folder / "data", 10)
        self.bench = self.rows(self.data)
        self.scored = [{**row, "prediction": "Sure, here you go."} for row in self.bench]

    def forms(self, rows):
        """Name and bytes of each way to write the same rows."""
        array = json.dumps(rows).encode()
        lines = [json.dumps(row).encode() for row in rows]
        return {"array": array, "mark": b"\xef\xbb\xbf" + array, "lines": b"\n".join(lines), "crlf": b"\r\n".join(lines) + b"\r\n",
                "mark and lines": b"\xef\xbb\xbf" + b"\n\n".join(lines) + b"\n", "as jq": b"\n".join(
                    json.dumps(row, indent=2).encode() for row in rows)}

    def program(self, *arguments, data=None, code=0, **more):
        done = subprocess.run([PROGRAM, *map(str, arguments)], input=data, capture_output=True, timeout=60, env=environment(), **more)
        self.assertEqual(done.returncode, code, done)
        return done.stdout.decode(), done.stderr.decode()

    def piped(self, data, *arguments, **more):
        """Through a named pipe, as `<(command)` gives one, in the place of `PIPE`."""
        fifo = self.folder / "fifo"
        if not fifo.exists():
            os.mkfifo(fifo)
        writer = threading.Thread(target=fifo.write_bytes, args=(data,), daemon=True)
        writer.start()
        try:
            return self.program(*(fifo if each == "PIPE" else each for each in arguments), **more)
        finally:
            writer.join()

    def test_a_score_is_the_same_however_rows_come(self):
        path = self.folder / "p.json"
        expected = None
        for name, data in self.forms(self.scored).items():
            path.write_bytes(data)
            with self.subTest(name):
                score, _ = self.program("bench", "score", path, "--json")
                self.assertEqual(json.loads(score)["file"], str(path))
                expected = expected or without_file(score)
                self.assertEqual(without_file(score), expected)
                self.assertEqual(without_file(self.program("bench", "score", "-", "--json", data=data)[0]), expected)
                self.assertEqual(without_file(self.program("bench", "score", "/dev/stdin", "--json", data=data)[0]), expected)
                self.assertEqual(without_file(self.piped(data, "bench", "score", "PIPE", "--json")[0]), expected)
                with path.open("rb") as file:
                    self.assertEqual(without_file(self.program("bench", "score", "-", "--json", stdin=file)[0]), expected)

    def test_data_and_runs_too(self):
        images = self.data / "images"
        with FakeEndpoint() as endpoint:
            self.run_bench(self.data, endpoint, out="file")
            stats = self.holisafe("data", "stats", self.data, "--json").stdout
            for name, data in self.forms(self.bench).items():
                with self.subTest(name):
                    self.assertEqual(self.program("data", "stats", "-", "--json", data=data)[0], stats)
                    self.program("data", "check", "-", data=data, cwd=images.parent)
                    out = self.folder / name.replace(" ", "-")
                    for _ in range(2):  # the second resumes, asking nothing
                        self.program(*command("-", endpoint, out)[1:], data=data, cwd=images.parent)
                    self.assertEqual((out / "predictions.json").read_bytes(), (self.folder / "file/predictions.json").read_bytes())
            self.assertEqual(len(endpoint.requests), 10 * (1 + len(self.forms(self.bench))))

    def test_broken_lines_are_named(self):
        lines = [json.dumps(row).encode() for row in self.scored]
        for broken in (lines[2][:-1], lines[2][:30], b"no row", lines[2].replace(b": ", b" ", 1), b'"text"'):
            data = b"\r\n".join([*lines[:2], broken, *lines[3:]])
            with self.subTest(broken[-20:]):
                for arguments in (("bench", "score", "-"), ("data", "stats", "-")):
                    self.assertIn("line 3", self.program(*arguments, data=data, code=2)[1])
        self.assertIn("byte", self.program("bench", "score", "-", data=b"[{}, {]", code=2)[1])

    def test_halves_of_pairs(self):
        rows = json.dumps(self.scored).replace("Sure, here", "Sure\\ud83d, h\\ude00ere")
        _, errors = self.program("bench", "score", "-", "--json", data=rows.encode())
        self.assertEqual(errors, "")
        with FakeEndpoint() as endpoint:
            text = json.dumps(self.bench).replace(self.bench[0]["query"], self.bench[0]["query"] + "\\ud83d")
            (self.data / "holisafe_bench.json").write_text(text)
            self.run_bench(self.data, endpoint)
            self.assertIn(self.bench[0]["query"] + "\ufffd", [request.query for request in endpoint.requests])
        self.assertEqual(self.predictions()[0]["query"][-1], "\ufffd")
        self.holisafe("bench", "report", self.folder / "run", "--html", self.folder / "x.html")

    def test_a_field_twice(self):
        for field, value in (("prediction", '"I cannot help."'), ("type", '"SSS"'), ("other", "1")):
            text = json.dumps([{**row, "other": 2} for row in self.scored])
            text = text.replace("}, {", f', "{field}": {value}}}, {{', 1)
            for arguments in (("bench", "score", "-"), ("bench", "score", "-", "--allow-missing"), ("data", "stats", "-"),
                              ("data", "check", "-")):
                _, errors = self.program(*arguments, data=text.encode(), code=2, cwd=self.data)
                if arguments[:2] != ("data", "stats"):
                    self.assertRegex(errors, rf"row 1 \(index 0\), id 7: {field}: expected the field once, found it again")

    def test_other_encodings_are_named(self):
        for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
            for arguments in (("bench", "score", "-"), ("data", "stats", "-"), ("data", "check", "-")):
                _, errors = self.program(*arguments, data=json.dumps(self.scored).encode(encoding), code=2)
                self.assertIn("expected UTF-8, found UTF-16", errors)

    def test_memory_is_bounded(self):
        """An endless pipe ends in an error, in memory that does not grow with it."""
        script = f"yes '{json.dumps(self.scored[0])}' | exec \"$0\" bench score -"
        if "asan" not in PROGRAM:  # whose shadow memory is reserved, terabytes of it
            script = "ulimit -v 4000000; " + script
        done = subprocess.run(["sh", "-c", script, PROGRAM], capture_output=True, text=True, timeout=120,
                              env=environment())
        self.assertEqual(done.returncode, 2, done)
        self.assertIn("-: expected at most", done.stderr)


if __name__ == "__main__":
    unittest.main()
