"""guard, ask and model … on tiny random checkpoints of every family: the contract of each command, and the files, folders and lists
that guard takes.
"""

import base64
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from engine_checkpoints import CLASSES, PROGRAM, Checkpoints, holisafe, png  # noqa: E402

VERDICT = ["flagged", "label", "subcategory", "category", "score", "scores"]
HARM = ["label", "subcategory", "category", "score"]
ANSWER = ["answer", "finish_reason", "prompt_tokens", "completion_tokens", "prompt_token_ids", "completion_token_ids", "guard",
          "timings"]


class Contract(Checkpoints):
    def test_guard(self):
        for family in self.each_family():
            done = holisafe("guard", "--model", self.safe(family), "--json", self.one, self.two, self.one)
            lines = self.lines(done)
            self.assertEqual([line["path"] for line in lines], [str(p) for p in (self.one, self.two, self.one)])
            self.assertEqual(lines[0], lines[2])
            for line in lines:
                self.assertEqual(list(line), ["path", *VERDICT, "unsafe", *(["harm"] if line["flagged"] else [])])
                self.assert_verdict(line)
                self.assertEqual(line["unsafe"], 1 - line["scores"]["safe"])
            self.assertEqual(done.returncode, 1 if any(line["flagged"] for line in lines) else 0)
            self.assertNotIn(b"error", done.stderr)
            batch = self.lines(holisafe("guard", "--model", self.safe(family), "--json", "--batch-size", "3", self.one, self.two,
                                        self.one))
            self.assertEqual(lines, batch, "each image has a pass of its own")

    def test_threshold_decides_flags_and_exit_code(self):
        for family in self.each_family():
            model = self.safe(family)
            for threshold, code in ((0, 1), (1, 0)):
                done = holisafe("guard", "--model", model, "--json", "--threshold", threshold.__str__(), self.one)
                self.assertEqual(done.returncode, code)
                self.assertEqual(self.lines(done)[0]["flagged"], code == 1)
                harm = self.lines(done)[0].get("harm")
                self.assertEqual(harm is not None, code == 1)
                if harm:
                    scores = self.lines(done)[0]["scores"]
                    self.assertEqual(list(harm), HARM)
                    self.assertEqual(harm["subcategory"], max(CLASSES[1:], key=lambda name: scores[name]))
                    self.assertEqual((CLASSES[harm["label"]], harm["score"]), (harm["subcategory"], scores[harm["subcategory"]]))
            self.assert_error(holisafe("guard", "--model", model, "--threshold", "1.5", self.one))

    def test_text_output(self):
        for family in self.each_family():
            done = holisafe("guard", "--model", self.safe(family), "--threshold", "0", self.one)
            self.assertRegex(done.stdout.decode(), r"one\.png: \w+ [\d.]+%, unsafe [\d.]+%, flagged\n$")
            self.assertEqual(done.stderr.count(b"holisafe: "), 1, "what was found at start-up")
            done = holisafe("ask", "--model", self.safe(family), "--image", self.one, "--prompt", "Hi", "--max-new-tokens", "3")
            self.assertEqual(done.returncode, 0)
            answer = holisafe("ask", "--model", self.safe(family), "--image", self.one, "--prompt", "Hi", "--max-new-tokens", "3",
                              "--json")
            self.assertEqual(done.stdout.decode(), self.lines(answer)[0]["answer"] + "\n")

    def test_ask(self):
        for family in self.each_family():
            done = holisafe("ask", "--model", self.safe(family), "--image", self.one, "--prompt", "What is it?", "--max-new-tokens",
                            "5", "--json")
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            (answer,) = self.lines(done)
            self.assertEqual(list(answer), ANSWER)
            self.assertEqual(answer["prompt_tokens"], len(answer["prompt_token_ids"]))
            self.assertEqual(answer["completion_tokens"], len(answer["completion_token_ids"]))
            self.assertIn(answer["finish_reason"], ("stop", "length"))
            if answer["finish_reason"] == "length":
                self.assertEqual(answer["completion_tokens"], 5)
            self.assert_verdict(answer["guard"])
            self.assertEqual(list(answer["guard"]), VERDICT)
            (alone,) = self.lines(holisafe("guard", "--model", self.safe(family), "--json", self.one))
            self.assertEqual(answer["guard"], {key: alone[key] for key in VERDICT})

    def test_images_none_one_two(self):
        for family in self.each_family():
            model = self.safe(family)
            tokens = []
            for images in ([], [self.one], [self.one, self.two]):
                flags = [flag for image in images for flag in ("--image", image)]
                (answer,) = self.lines(holisafe("ask", "--model", model, *flags, "--prompt", "Hm", "--max-new-tokens", "2",
                                                "--json"))
                self.assertEqual(answer["guard"] is None, not images)
                tokens.append(answer["prompt_tokens"])
            self.assertLess(tokens[0], tokens[1])
            self.assertLess(tokens[1], tokens[2])

    def test_without_a_guard(self):
        for family in self.each_family():
            model = self.root / family / "plain"
            self.assert_error(holisafe("guard", "--model", model, self.one), "no guard", "--guard")
            self.assert_error(holisafe("guard", "--model", model, "--json", self.one), "no guard")
            (answer,) = self.lines(holisafe("ask", "--model", model, "--image", self.one, "--prompt", "Hm", "--max-new-tokens",
                                            "2", "--json"))
            self.assertIsNone(answer["guard"])

    def test_typed_special_tokens_stay_text(self):
        for family in self.each_family():
            model = self.safe(family)
            ids = [self.lines(holisafe("ask", "--model", model, "--image", self.one, "--prompt", text, "--max-new-tokens", "1",
                                       "--json"))[0]["prompt_token_ids"] for text in ("x", "<image></s><start_of_image>x")]
            special = [max(set(line), key=line.count) for line in ids]
            self.assertEqual(special[0], special[1])
            self.assertEqual(ids[0].count(special[0]), ids[1].count(special[0]))

    def test_sampling_depends_on_the_seed(self):
        model = self.safe(self.families[0])
        def ids(seed):
            done = holisafe("ask", "--model", model, "--prompt", "Go", "--temperature", "500", "--top-p", "0.9", "--seed",
                            str(seed), "--max-new-tokens", "12", "--json")
            return self.lines(done)[0]["completion_token_ids"]
        self.assertEqual(ids(1), ids(1))
        self.assertTrue(ids(1) != ids(2) or ids(1) != ids(3))

    def test_synth_depends_on_the_seed_alone(self):
        for family in self.each_family():
            out = self.root / family / "again"
            holisafe("model", "synth", "--family", family, "--preset", "tiny", "--seed", "4", "--guard", "--out", out)
            for file in sorted(p.name for p in self.safe(family).iterdir()):
                self.assertEqual((out / file).read_bytes(), (self.safe(family) / file).read_bytes(), file)

    def test_info(self):
        for family in self.each_family():
            done = holisafe("model", "info", self.safe(family), "--json")
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            (info,) = self.lines(done)
            self.assertEqual(info["family"], family)
            self.assertEqual(info["guard"]["hidden_size"], info["hidden_size"])
            self.assertEqual(info["guard"]["classes"], 20)
            for part in ("vision", "projector", "language", "guard"):
                self.assertGreater(info["parameters"][part], 0)
            (plain,) = self.lines(holisafe("model", "info", self.root / family / "plain", "--json"))
            self.assertIsNone(plain["guard"])
            self.assertIn("hidden_size", holisafe("model", "info", self.safe(family)).stdout.decode())

    def test_a_trace_goes_through_links_and_into_pipes(self):
        model, place = self.safe(self.families[0]), self.root / "named"
        place.mkdir()
        (place / "link").symlink_to("target")
        os.mkfifo(place / "pipe")
        trace = ("model", "trace", "--model", model, "--prompt", "x", "--out")
        self.assertEqual(holisafe(*trace, place / "link").returncode, 0)
        self.assertTrue((place / "link").is_symlink())
        with subprocess.Popen(["cat", place / "pipe"], stdout=subprocess.PIPE) as reader:
            self.assertEqual(holisafe(*trace, place / "pipe").returncode, 0)
            self.assertEqual(reader.stdout.read(), (place / "target").read_bytes())
        self.assertTrue((place / "pipe").is_fifo())

    def test_an_answer_does_not_steer_a_terminal(self):
        """Colours, titles and text turned round, in a token that the model is known to say: shown on a terminal, as they are in a file."""
        import pty
        family = self.families[0]
        model = self.root / "steers"
        shutil.copytree(self.safe(family), model)
        command = ("ask", "--model", model, "--prompt", "Hello", "--max-new-tokens", "3")
        said = self.lines(holisafe(*command, "--json"))[0]["completion_token_ids"][0]
        document = json.loads((model / "tokenizer.json").read_text())
        vocabulary = document["model"]["vocab"]
        word, = [token for token, number in vocabulary.items() if number == said]
        steering = "\x1b]0;owned\x07\u009b31m\u202ex\n\ty"
        document["model"]["vocab"] = {(steering if token == word else token): number for token, number in vocabulary.items()}
        document["model"]["merges"] = [merge for merge in document["model"]["merges"]
                                       if word not in ("".join(merge if isinstance(merge, list) else merge.split(" ")), *(merge if isinstance(merge, list) else merge.split(" ")))]
        (model / "tokenizer.json").write_text(json.dumps(document))
        piped = holisafe(*command)
        self.assertEqual(piped.returncode, 0, piped.stderr)
        self.assertIn(steering, piped.stdout.decode())
        outside, inside = pty.openpty()
        done = subprocess.run([PROGRAM, *map(str, command)], stdin=subprocess.DEVNULL, stdout=inside, stderr=subprocess.PIPE, timeout=300)
        os.close(inside)
        shown = b""
        try:
            while piece := os.read(outside, 65536):
                shown += piece
        except OSError:  # the other end is closed
            pass
        os.close(outside)
        self.assertEqual(done.returncode, 0, done.stderr)
        text = shown.decode()
        self.assertIn(r"\x1b]0;owned\x07", text)
        for character in "\x1b\x07\u009b\u202e":
            self.assertNotIn(character, text)
        self.assertIn("x\r\n", text)  # a line's end stays one


class Paths(Checkpoints):
    """What `guard` takes: files, folders, lists; and what goes wrong with one of many."""

    def guard(self, *arguments, stdin=None):
        return holisafe("guard", "--model", self.safe(self.families[0]), "--json", "--threshold", "1", *arguments, stdin=stdin)

    def test_folders(self):
        folder = self.root / "folder"
        (folder / "deep").mkdir(parents=True)
        shutil.copy(self.one, folder / "deep" / "b.PNG")
        shutil.copy(self.two, folder / "no_name")
        (folder / "notes.txt").write_text("not a picture")
        done = self.guard("-r", folder)
        self.assertEqual([line["path"] for line in self.lines(done)], [f"{folder}/deep/b.PNG", f"{folder}/no_name"])
        self.assertEqual(done.returncode, 0)
        done = self.guard(folder, self.one)
        lines = self.lines(done)
        self.assertEqual(lines[0]["error"]["kind"], "not_a_file")
        self.assertIn("scores", lines[1])
        self.assertEqual(done.returncode, 2)

    def test_a_mapped_file_that_is_cut_short_ends_with_a_line(self):
        child = subprocess.Popen([PROGRAM, "guard", "--model", self.safe(self.families[0]), "--json", "-"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        child.stdin.write(f"{self.one}\n".encode())
        child.stdin.flush()
        child.stdout.readline()
        child.send_signal(signal.SIGBUS)
        _, error = child.communicate()
        self.assertEqual(child.returncode, 2)
        self.assertRegex(error.decode(), r"^holisafe: error: [^\n]*cut short[^\n]*\n$")

    def test_pictures_that_are_not_read_have_a_line(self):
        folder = self.root / "others"
        (folder / "sub").mkdir(parents=True)
        shutil.copy(self.one, folder / "z.png")
        (folder / "phone.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0")
        (folder / "sub/gone.jpg").symlink_to("nowhere")
        done = self.guard("-r", folder)
        self.assertEqual([(line["path"], line.get("error", {}).get("kind")) for line in self.lines(done)],
                         [(f"{folder}/phone.HEIC", "unsupported"), (f"{folder}/sub/gone.jpg", "not_found"), (f"{folder}/z.png", None)])
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"found HEIC", done.stdout)

    def test_first_verdict_comes_before_the_tree_is_listed(self):
        """A picture put behind the others while the program waits for its output to be read is still found."""
        folder = self.root / "growing"
        (folder / "a").mkdir(parents=True)
        (folder / "z").mkdir()
        for i in range(400):
            (folder / "a" / f"{i:03}.png").symlink_to(self.one)
        child = subprocess.Popen([PROGRAM, "guard", "--model", self.safe(self.families[0]), "--json", "--threshold", "1", "-r", folder],
                                 stdout=subprocess.PIPE, text=True)
        first = child.stdout.readline()
        (folder / "z" / "late.png").symlink_to(self.two)
        out, _ = child.communicate()
        paths = [json.loads(line)["path"] for line in [first, *out.splitlines()]]
        self.assertEqual(paths, sorted(paths))
        self.assertEqual(paths[-1], f"{folder}/z/late.png")

    def test_lists_may_hold_any_name(self):
        odd = self.root / "two\nlines.png"
        shutil.copy(self.one, odd)
        done = self.guard("-", stdin=f"{self.one}\0{self.two}\0".encode())
        self.assertEqual([line["path"] for line in self.lines(done)], [str(self.one), str(self.two)])
        done = self.guard("-0", "-", stdin=f"{odd}\0{self.two}".encode())
        self.assertEqual([line["path"] for line in self.lines(done)], [str(odd), str(self.two)])
        foreign = os.fsencode(self.root) + b"/\xff.png"
        shutil.copy(self.one, foreign)
        (line,) = self.lines(self.guard("-", stdin=foreign))
        self.assertEqual(base64.b64decode(line["path_bytes"]), foreign)
        self.assertEqual(line["path"], f"{self.root}/\\xff.png")
        self.assertIn("scores", line)

    def test_names_longer_than_paths_are_errors(self):
        begin = time.monotonic()
        lines = self.lines(self.guard("-", stdin=b"x" * 30_000_000 + f"\n{self.one}".encode()))
        self.assertEqual(["error" in line for line in lines], [True, False])
        self.assertLess(len(lines[0]["path"]), 5000)
        self.assertLess(time.monotonic() - begin, 20)

    def test_list_on_stdin(self):
        done = self.guard("-", self.two, stdin=f"{self.one}\n\n{self.two}".encode())
        self.assertEqual([line["path"] for line in self.lines(done)], [str(p) for p in (self.one, self.two, self.two)])
        for nothing in (b"", b"\n\0\n"):
            done = self.guard("-", stdin=nothing)
            (line,) = self.lines(done)
            self.assertEqual((line["path"], line["error"]["kind"], done.returncode), ("-", "missing", 2))

    def test_links_to_folders(self):
        folder = self.root / "links"
        for name in ("tree/real", "elsewhere"):
            (folder / name).mkdir(parents=True)
            shutil.copy(self.one, folder / name / "a.png")
        for name, target in {"a link": "real", "loop": ".", "out": "../elsewhere", "out2": "../elsewhere"}.items():
            (folder / "tree" / name).symlink_to(target)
        done = self.guard("-r", folder / "tree")
        self.assertEqual([line["path"] for line in self.lines(done)], [f"{folder}/tree/out/a.png", f"{folder}/tree/real/a.png"])
        self.assertEqual(done.returncode, 0)

    def test_what_cannot_be_read_is_a_line(self):
        """As a user who is not root, who reads everything."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="holisafe_locked_"))
        self.addCleanup(shutil.rmtree, folder)
        shutil.copytree(self.safe(self.families[0]), folder / "model")
        tree = folder / "tree"
        for name in ("locked", "z"):
            (tree / name).mkdir(parents=True)
            shutil.copy(self.one, tree / name / "b.png")
        for name in ("a.png", "unknown", "c.png"):
            shutil.copy(self.one, tree / name)
        folder.chmod(0o755)
        for name in ("locked", "unknown", "c.png"):
            (tree / name).chmod(0)
        other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        done = subprocess.run([*other, PROGRAM, "guard", "--model", folder / "model", "--json", "-r", tree], capture_output=True, timeout=300)
        (tree / "locked").chmod(0o755)
        self.assertEqual([(line["path"], line.get("error", {}).get("kind")) for line in self.lines(done)],
                         [(f"{tree}/{name}", kind) for name, kind in (("a.png", None), ("c.png", "permission"), ("locked", "permission"),
                                                                      ("unknown", "permission"), ("z/b.png", None))], done.stderr)
        self.assertEqual(done.returncode, 2)

    def test_progress_as_lines(self):
        folder = self.root / "slow"
        folder.mkdir()
        for i in range(3):
            (folder / f"{i}.png").symlink_to(self.one)
        (folder / "gone.png").symlink_to("nowhere")
        done = holisafe("guard", "--model", self.safe(self.families[0]), "--json", "--threshold", "0", "--progress", "json", "-r", folder)
        *_, last = map(json.loads, done.stderr.decode().splitlines())
        self.assertEqual(list(last), ["images", "flagged", "errors", "duplicates", "seconds"])
        self.assertEqual((last["images"], last["flagged"], last["errors"], last["duplicates"]), (4, 3, 1, 0))
        # A list that takes longer: a line every two seconds.
        child = subprocess.Popen([PROGRAM, "guard", "--model", self.safe(self.families[0]), "--json", "--threshold", "0", "--progress", "json", "-"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(6):
            child.stdin.write(f"{self.one}\n".encode())
            child.stdin.flush()
            child.stdout.readline()
            time.sleep(0.8)
        _, error = child.communicate()
        lines = [json.loads(line) for line in error.decode().splitlines()]
        self.assertGreaterEqual(len(lines), 2)
        self.assertEqual(list(lines[0]), ["done", "total", "per_second", "seconds_left", "flagged", "errors"])
        self.assertEqual((lines[0]["total"], lines[0]["flagged"]), (None, lines[0]["done"]))
        self.assertEqual(lines[-1]["images"], 6)

    def test_errors_of_files(self):
        bad = self.root / "bad.png"
        bad.write_bytes(self.one.read_bytes()[:400])
        text = self.root / "text.jpg"
        text.write_text("hello")
        done = self.guard(bad, self.one, text, self.root / "none.png", self.root / "odd\nname.png", self.two)
        lines = self.lines(done)
        self.assertEqual(done.returncode, 2)
        self.assertNotIn(b"error", done.stderr)
        self.assertEqual(["error" in line for line in lines], [True, False, True, True, True, False])
        self.assertEqual([line["error"]["kind"] for line in lines if "error" in line],
                         ["truncated", "unsupported", "not_found", "not_found"])
        for line in lines:
            if "error" in line:
                self.assertEqual(list(line), ["path", "error"])
                self.assertEqual(list(line["error"]), ["kind", "message"])
        plain = holisafe("guard", "--model", self.safe(self.families[0]), "--threshold", "1", bad, self.one)
        self.assertEqual(plain.returncode, 2)
        self.assertEqual(plain.stderr.decode().count("holisafe: error: "), 1)
        self.assertIn("bad.png", plain.stderr.decode())
        flagged = holisafe("guard", "--model", self.safe(self.families[0]), "--threshold", "0", bad, self.one)
        self.assertEqual(flagged.returncode, 2, "an error wins")

    def test_memory_is_flat_over_many_files(self):
        folder = self.root / "many"
        folder.mkdir()
        small = png(self.root / "small.png", 3, (8, 8))
        def peak(count):
            names = "".join(f"{folder}/{i}.png\n" for i in range(count))
            for i in range(count):
                link = folder / f"{i}.png"
                if not link.exists():
                    link.symlink_to(small)
            child = subprocess.Popen([PROGRAM, "guard", "--model", self.safe(self.families[0]), "--json", "-"],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            out, _ = child.communicate(names.encode())
            self.assertEqual(out.count(b"\n"), count)
            return max_rss(child)
        few, many = peak(100), peak(2000)
        self.assertLess(many, few * 1.1 + 8 * 1024)


def max_rss(child):
    """Peak memory of children so far, KiB: it only grows, so that the second run's counts if it is larger."""
    import resource
    del child
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


if __name__ == "__main__":
    unittest.main()
