"""guard, ask and model … on tiny random checkpoints of every family: the contract of each command, its errors, and the verdict
against PyTorch on transformers' hidden states.
"""

import base64
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.environ["HOLISAFE_SOURCE_DIR"], "tools", "fixtures"))

PROGRAM = os.environ["HOLISAFE_BIN"]
CLASSES = ["safe", "gender", "race", "religion", "harassment", "disability_discrimination", "drug_related_hazards",
           "property_crime", "facial_data_exposure", "identity_data_exposure", "physical_self_injury", "suicide", "animal_abuse",
           "obscene_gestures", "physical_altercation", "terrorism", "weapon_related_violence", "sexual_content",
           "financial_advice", "medical_advice"]
VERDICT = ["flagged", "label", "subcategory", "category", "score", "scores"]
HARM = ["label", "subcategory", "category", "score"]
LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 3846800\n"
ANSWER = ["answer", "finish_reason", "prompt_tokens", "completion_tokens", "prompt_token_ids", "completion_token_ids", "guard",
          "timings"]


def holisafe(*arguments, stdin=None, timeout=300):
    return subprocess.run([PROGRAM, *map(os.fspath, arguments)], capture_output=True, input=stdin, timeout=timeout,
                          stdin=None if stdin is not None else subprocess.DEVNULL)


def families():
    """The registry's names, from the error that lists them."""
    done = holisafe("model", "synth", "--family", "none", "--preset", "tiny", "--out", "none")
    return done.stderr.decode().strip().split("expected one of ")[1].split(", ")


def png(path, seed, size=(60, 44)):
    from PIL import Image
    import numpy
    Image.fromarray(numpy.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=numpy.uint8)).save(path)
    return path


class Checkpoints(unittest.TestCase):
    """A tiny checkpoint with and one without a guard of every family, and two pictures."""

    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="holisafe_engine_"))
        cls.addClassCleanup(shutil.rmtree, cls.root)
        cls.families = families()
        for family in cls.families:
            for name, flags in (("safe", ["--guard"]), ("plain", [])):
                done = holisafe("model", "synth", "--family", family, "--preset", "tiny", "--seed", "4", *flags, "--out",
                                cls.root / family / name)
                assert done.returncode == 0, done.stderr
        cls.one = png(cls.root / "one.png", 1)
        cls.two = png(cls.root / "two.png", 2, (30, 75))

    def safe(self, family):
        return self.root / family / "safe"

    def lines(self, done):
        return [json.loads(line) for line in done.stdout.decode().splitlines()]

    def assert_error(self, done, *parts):
        text = done.stderr.decode()
        self.assertEqual(done.returncode, 2, done)
        self.assertEqual(done.stdout, b"", done)
        self.assertEqual(text.count("\n"), 1, text)
        self.assertTrue(text.startswith("holisafe: error: "), text)
        for part in parts:
            self.assertIn(part, text)

    def assert_verdict(self, verdict, threshold=0.5):
        self.assertEqual(list(verdict["scores"]), CLASSES)
        scores = list(verdict["scores"].values())
        self.assertAlmostEqual(sum(scores), 1, places=9)
        self.assertEqual(verdict["label"], scores.index(max(scores)))
        self.assertEqual(verdict["score"], max(scores))
        self.assertEqual(verdict["subcategory"], CLASSES[verdict["label"]])
        self.assertEqual(verdict["flagged"], 1 - scores[0] >= threshold)

    def each_family(self):
        for family in self.families:
            with self.subTest(family=family):
                yield family


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


class Malformed(Checkpoints):
    """A table of broken model folders, images, prompts and guards: an error line, exit 2, no crash."""

    def variant(self, family, name, change):
        folder = self.root / family / f"bad_{name}"
        shutil.copytree(self.safe(family), folder)
        change(folder)
        return folder

    @staticmethod
    def edit(file, change):
        def apply(folder):
            document = json.loads((folder / file).read_text())
            document = change(document) or document
            (folder / file).write_text(json.dumps(document))
        return apply

    @staticmethod
    def write(file, content):
        return lambda folder: (folder / file).write_bytes(content)

    @staticmethod
    def remove(*files):
        return lambda folder: [(folder / file).unlink() for file in files if (folder / file).exists()]

    @staticmethod
    def truncate(file, keep):
        return lambda folder: (folder / file).write_bytes((folder / file).read_bytes()[:keep])

    def test_model_folders(self):
        edit, write, remove, truncate = self.edit, self.write, self.remove, self.truncate
        weights = "model.safetensors"
        def set_key(key, value):
            return lambda document: document.update({key: value})
        def drop_tensor(folder):
            data = (folder / weights).read_bytes()
            length = struct.unpack("<Q", data[:8])[0]
            header = json.loads(data[8:8 + length])
            name = next(n for n in header if n.endswith("down_proj.weight"))
            header[name + "x"] = header.pop(name)
            text = json.dumps(header).encode()
            (folder / weights).write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length:])
        def both(*changes):
            return lambda folder: [change(folder) for change in changes]
        def rename_tensors(renamed):
            def change(folder):
                from safetensors.torch import load_file, save_file
                tensors = {renamed(name): tensor for name, tensor in load_file(folder / weights).items() if renamed(name)}
                save_file(tensors, folder / weights, metadata={"format": "pt"})
            return change
        cases = {
            "no_config": (remove("config.json"), "config.json"),
            "config_text": (write("config.json", b"{"), "config.json"),
            "config_list": (write("config.json", b"[1]"), "config.json"),
            "config_deep": (write("config.json", b"[" * 5000), "config.json"),
            "model_type": (edit("config.json", set_key("model_type", "bert")), "bert"),
            "no_weights": (remove(weights), "safetensors"),
            "empty_weights": (write(weights, b""), weights),
            "short_weights": (truncate(weights, 5000), weights),
            "huge_header": (write(weights, b"\xff" * 64), weights),
            "other_tensor": (drop_tensor, "down_proj.weightx"),
            "no_tokenizer": (remove("tokenizer.json", "tokenizer.model"), "tokenizer"),
            "bad_tokenizer": (write("tokenizer.json", b"{}"), "tokenizer.json"),
            "no_processor": (remove("preprocessor_config.json", "processor_config.json"), "preprocessor_config.json"),
            "guard_classes": (edit("config.json", set_key("num_safety_categories", 3)), "num_safety_categories"),
            "guard_names": (edit("config.json", set_key("safety_categories", ["safe"] * 20)), "safety_categories"),
            "guard_pooling": (edit("config.json", set_key("safety_head_pooling", "max")), "safety_head_pooling"),
            "text_config": (edit("config.json", set_key("text_config", "large")), "text_config"),
            "negative": (edit("config.json", lambda d: d.get("text_config", d).update(num_hidden_layers=-1)), "num_hidden_layers"),
            "too_many": (edit("config.json", lambda d: d.get("text_config", d).update(num_hidden_layers=9)), "layer"),
            "vision_size": (edit("config.json", lambda d: d["vision_config"].update(patch_size=0)), "patch_size"),
            "dangling_index": (both(remove(weights), write("model.safetensors.index.json", b'{"weight_map":{"a":"../x.safetensors"}}')), "x.safetensors"),
            "lfs_weights": (write(weights, LFS_POINTER), "LFS"),
            "lfs_tokenizer": (write("tokenizer.json", LFS_POINTER), "LFS"),
            "lfs_config": (write("config.json", LFS_POINTER), "LFS"),
            "quantised": (edit("config.json", set_key("quantization_config", {"quant_method": "awq", "bits": 4})), "quant_method awq"),
            "no_tower": (rename_tensors(lambda name: None if "vis" in name else name), "vision tower"),
            "wrapped": (rename_tensors(lambda name: "base_model.model." + name), "names begin with base_model.model."),
            "packed": (rename_tensors(lambda name: name.replace("proj.weight", "proj.qweight")), "quantised"),
            "adapter": (both(remove("config.json"), write("adapter_config.json", b"{}")), "adapter"),
        }
        for family in self.families:
            for name, (change, part) in cases.items():
                with self.subTest(family=family, case=name):
                    folder = self.variant(family, name, change)
                    done = holisafe("guard", "--model", folder, "--json", self.one)
                    self.assert_error(done, part)
                    self.assertLessEqual(len(done.stderr), 600)

    def test_own_output_matrix_whatever_the_config_ties(self):
        from safetensors.torch import load_file
        for family in ("llava", "qwen2_5_vl"):
            tied = self.variant(family, "tied", lambda folder: [self.edit("config.json", lambda d: (
                d.update(tie_word_embeddings=True), d.get("text_config", d).update(tie_word_embeddings=True)) and None)(folder)])
            traces = []
            for model in (self.safe(family), tied):
                out = self.root / "tied.safetensors"
                self.assertEqual(holisafe("model", "trace", "--model", model, "--prompt", "x", "--out", out).returncode, 0)
                traces.append(load_file(out)["logits"])
            self.assertEqual((traces[0] - traces[1]).abs().max(), 0)

    def test_context(self):
        for family in self.each_family():
            short = self.variant(family, "short", self.edit("config.json", lambda d: d.get("text_config", d).update(max_position_embeddings=96)))
            for model, flags in ((short, []), (short, ["--image", self.one])):
                self.assert_error(holisafe("ask", "--model", model, "--prompt", "the sword " * 300, *flags), "max_position_embeddings 96")
            (answer,) = self.lines(holisafe("ask", "--model", short, "--prompt", "Hm", "--max-new-tokens", "200", "--json"))
            total = answer["prompt_tokens"] + answer["completion_tokens"]
            self.assertTrue(total == 96 and answer["finish_reason"] == "length" or total <= 96 and answer["finish_reason"] == "stop", answer)


class Templates(Checkpoints):
    """A chat template that is none of the family's: nobody is asked in other words without being told."""

    NAMES = {"llava": "vicuna", "qwen2_5_vl": "chatml", "gemma3": "gemma"}

    def with_template(self, family, name, text, file="chat_template.jinja"):
        folder = self.root / family / name
        shutil.copytree(self.safe(family), folder)
        for other in ("chat_template.jinja", "chat_template.json"):
            (folder / other).unlink(missing_ok=True)
        if file.endswith(".jinja"):
            (folder / file).write_text(text)
        else:
            document = json.loads((folder / file).read_text()) if (folder / file).exists() else {}
            (folder / file).write_text(json.dumps(document | {"chat_template": text}))
        return folder

    def test_another_template(self):
        llama3 = ("{% for message in messages %}<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n"
                  "{{ message['content'] }}<|eot_id|>{% endfor %}")
        for family in self.each_family():
            for file in ("chat_template.jinja", "chat_template.json", "tokenizer_config.json"):
                folder = self.with_template(family, f"other_{file}", llama3, file)
                out = self.root / "t.safetensors"
                for command in (["ask", "--prompt", "x"], ["guard", self.one], ["model", "trace", "--prompt", "x", "--out", out]):
                    done = holisafe(*command, "--model", folder)
                    self.assert_error(done, "template", file, "--template " + self.NAMES[family])
                named = ["--template", self.NAMES[family], "--image", self.one, "--prompt", "x", "--max-new-tokens", "2", "--json"]
                mine, theirs = (self.lines(holisafe("ask", "--model", model, *named))[0] for model in (folder, self.safe(family)))
                self.assertEqual(mine["prompt_token_ids"], theirs["prompt_token_ids"])
                self.assertEqual(holisafe("model", "info", folder).returncode, 0)
                self.assert_error(holisafe("ask", "--model", folder, "--prompt", "x", "--template", "none"), "no such template")

    def test_released_templates(self):
        import chat_templates
        for family, text in (("llava", chat_templates.LLAVA), ("qwen2_5_vl", chat_templates.QWEN2_5_VL), ("gemma3", chat_templates.GEMMA3)):
            for name, written in {"plain": text, "spaced": text.replace("{% ", "{%   ").replace("{{", "{{ "), "commented": "{# by hand #}" + text}.items():
                folder = self.with_template(family, "template_" + name, written)
                done = holisafe("ask", "--model", folder, "--prompt", "x", "--max-new-tokens", "1", "--json")
                self.assertEqual((done.returncode, done.stderr), (0, b""), (family, name))
            listed = self.with_template(family, "listed", [{"name": "tool_use", "template": "other"}, {"name": "default", "template": text}],
                                        "tokenizer_config.json")
            self.assertEqual(holisafe("ask", "--model", listed, "--prompt", "x", "--max-new-tokens", "1", "--json").returncode, 0)

    def test_command_lines(self):
        model = self.safe(self.families[0])
        bad = self.root / "cut.png"
        bad.write_bytes(self.one.read_bytes()[:100])
        for arguments, part in {
                ("guard", self.one): "--model",
                ("guard", "--model", model): "PATH",
                ("guard", "--model", self.root / "nowhere", self.one): "nowhere",
                ("guard", "--model", self.one, self.one): "one.png",
                ("guard", "--model", model, "--guard", self.root / "none.safetensors", self.one): "none.safetensors",
                ("guard", "--model", model, "--guard", self.one, self.one): "one.png",
                ("guard", "--model", model, "--adapter", self.root, self.one): "adapter_config.json",
                ("guard", "--model", model, "--dtype", "float8", self.one): "float16",
                ("guard", "--model", model, "--dtype", "float16", self.one): "float32 or bfloat16",
                ("ask", "--model", model, "--prompt", "x", "--dtype", "float16"): "float32 or bfloat16",
                ("model", "trace", "--model", model, "--prompt", "x", "--dtype", "float16", "--out", self.root / "t"): "float32 or bfloat16",
                ("guard", "--model", model, "--device", "tpu", self.one): "cuda",
                ("guard", "--model", model, "--treshold", "1", self.one): "--threshold",
                ("ask", "--model", model): "--prompt",
                ("ask", "--model", model, "--prompt", b"\xff\xfe"): "UTF-8",
                ("ask", "--model", model, "--prompt", "x", "--image", bad): "cut.png",
                ("ask", "--model", model, "--prompt", "x", "--image", self.root): str(self.root),
                ("ask", "--model", model, "--prompt", "x", "--max-new-tokens", "0"): "max-new-tokens",
                ("model", "trace", "--model", model, "--prompt", "x", "--out", self.root / "no" / "x"): "no/x",
                ("model", "synth", "--family", "llama", "--preset", "tiny", "--out", self.root / "s"): "llava",
                ("model", "synth", "--family", self.families[0], "--preset", "huge", "--out", self.root / "s"): "tiny",
                ("model", "merge", "--model", model, "--out", self.root / "m"): "--adapter",
                ("model", "merge", "--model", model, "--guard", self.one, "--out", self.root): str(self.root),
                ("model", "info", self.root / "nowhere"): "nowhere",
        }.items():
            with self.subTest(arguments=arguments):
                self.assert_error(holisafe(*arguments), part)


class References(Checkpoints):
    """Verdicts and merged checkpoints against PyTorch, transformers and PEFT, float32."""

    def trace(self, model, *images, flags=()):
        from safetensors.torch import load_file
        out = self.root / "trace.safetensors"
        flags = [*flags, *(flag for image in images for flag in ("--image", image))]
        done = holisafe("model", "trace", "--model", model, *flags, "--prompt", "What is it?", "--out", out)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return load_file(out)

    def reference(self, model, trace):
        """transformers' output for a trace's own inputs."""
        import settled_torch  # noqa: F401
        import torch
        from transformers import AutoModelForImageTextToText
        network = AutoModelForImageTextToText.from_pretrained(model, dtype=torch.float32).eval()
        return network, self.run_network(network, trace)

    def run_network(self, network, trace):
        import torch
        ids = trace["input_ids"][None]
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "pixel_values": trace["pixel_values"]}
        if "image_grid_thw" in trace:
            inputs["image_grid_thw"] = trace["image_grid_thw"]
        is_image = ids == self.image_token(network)
        if network.config.model_type.startswith("gemma3"):
            inputs["token_type_ids"] = is_image.long()
        if network.config.model_type.startswith("qwen"):
            inputs["mm_token_type_ids"] = is_image.int()
        with torch.no_grad():
            return network(**inputs, output_hidden_states=True)

    @staticmethod
    def image_token(network):
        config = network.config
        return getattr(config, "image_token_id", None) or getattr(config, "image_token_index")

    def test_verdict(self):
        import torch
        from safetensors.torch import load_file
        for family in self.each_family():
            model = self.safe(family)
            (info,) = self.lines(holisafe("model", "info", model, "--json"))
            trace = self.trace(model, self.one)
            network, out = self.reference(model, trace)
            weights = load_file(model / "model.safetensors")
            head = {k.split("img_safety_head.")[1]: v.float() for k, v in weights.items() if "img_safety_head." in k}
            if info["guard"]["pooling"] == "last_hidden":
                positions = trace["input_ids"] == self.image_token(network)
                pooled = out.hidden_states[-1][0][positions].mean(0)
            else:
                pooled = trace["image_features"].mean(0)
            x = torch.nn.functional.gelu(pooled @ head["mlp.0.weight"].T + head["mlp.0.bias"])
            expected = (x @ head["mlp.3.weight"].T + head["mlp.3.bias"]).softmax(0)
            (line,) = self.lines(holisafe("guard", "--model", model, "--json", self.one))
            for index, name in enumerate(CLASSES):
                self.assertAlmostEqual(line["scores"][name], expected[index].item(), delta=1e-5)

    def test_trace_without_an_image(self):
        for family in self.each_family():
            trace = self.trace(self.safe(family))
            self.assertEqual(sorted(trace), ["hidden_states", "input_ids", "logits"])
            self.assertEqual(trace["logits"].shape[0], trace["input_ids"].shape[0])

    def test_merge(self):
        import torch
        from peft import LoraConfig, get_peft_model
        from safetensors.torch import load_file
        from transformers import AutoModelForImageTextToText
        for family in self.each_family():
            base = self.root / family / "plain"
            network = AutoModelForImageTextToText.from_pretrained(base, dtype=torch.float32).eval()
            torch.manual_seed(0)
            adapted = get_peft_model(network, LoraConfig(r=4, lora_alpha=8, init_lora_weights=False,
                                                         target_modules=r".*language_model.*\.(q_proj|down_proj)"))
            adapted.save_pretrained(self.root / family / "adapter")
            guard = self.root / family / "guard.safetensors"
            write_guard(guard, json.loads(holisafe("model", "info", base, "--json").stdout)["hidden_size"], family)
            merged = self.root / family / "merged"
            merged.mkdir()
            left = self.root / family / ".merged.partial"  # of a process that was killed
            left.mkdir()
            (left / "model.safetensors").write_bytes(b"half")
            done = holisafe("model", "merge", "--model", base, "--adapter", self.root / family / "adapter", "--guard", guard,
                            "--out", merged)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertFalse(left.exists())
            names = set(load_file(base / "model.safetensors"))
            added = set(load_file(merged / "model.safetensors")) - names
            self.assertEqual(names - set(load_file(merged / "model.safetensors")), set())
            self.assertEqual(added, {f"img_safety_head.mlp.{i}.{p}" for i in (0, 3) for p in ("weight", "bias")})
            config = json.loads((merged / "config.json").read_text())
            self.assertEqual((config["safety_categories"], config["num_safety_categories"]), (CLASSES, 20))
            self.assertEqual((config["safety_head_hidden_scale"], config["safety_num_hidden_layers"]), (0.5, 1))
            trace = self.trace(merged, self.one)
            _, out = self.reference(merged, trace)
            expected = self.run_network(adapted.eval().base_model.model, trace)
            scale = expected.logits.abs().max()
            self.assertLess((out.logits - expected.logits).abs().max() / scale, 1e-5)
            self.assertLess((trace["logits"] - expected.logits[0]).abs().max() / scale, 1e-4)
            attached = self.lines(holisafe("guard", "--model", base, "--adapter", self.root / family / "adapter", "--guard", guard,
                                           "--json", self.one))[0]
            inside = self.lines(holisafe("guard", "--model", merged, "--json", self.one))[0]
            for name in CLASSES:
                self.assertAlmostEqual(attached["scores"][name], inside["scores"][name], delta=1e-5)

    def saved_adapter(self, family, name, base="plain", **config):
        """A PEFT adapter of random matrices, magnitudes and whole weights: (the network with it, its folder)."""
        import torch
        from peft import LoraConfig, get_peft_model
        from transformers import AutoModelForImageTextToText
        network = AutoModelForImageTextToText.from_pretrained(self.root / family / base, dtype=torch.float32).eval()
        torch.manual_seed(0)
        adapted = get_peft_model(network, LoraConfig(**{"r": 4, "lora_alpha": 8, "init_lora_weights": False, **config}))
        with torch.no_grad():
            for parameter, values in adapted.named_parameters():
                if "modules_to_save" in parameter or "magnitude" in parameter:
                    values.mul_(1.25)
        folder = self.root / family / name
        adapted.save_pretrained(folder)
        return adapted.eval(), folder

    def assert_same_logits(self, adapted, trace):
        expected = self.run_network(adapted.base_model.model, trace).logits[0]
        self.assertLess((trace["logits"] - expected).abs().max() / expected.abs().max(), 1e-4)

    def test_adapters_that_peft_writes(self):
        from safetensors.torch import load_file, save_file
        language, everywhere = r".*language_model.*\.(q_proj|down_proj)", r".*(language_model|vision_tower|visual).*\.(q_proj|down_proj|fc1)"
        kinds = {
            "patterns": {"target_modules": language, "rank_pattern": {"layers.0.self_attn.q_proj": 8, r".*\.1\..*": 2},
                         "alpha_pattern": {"layers.0.self_attn.q_proj": 4, "down_proj": 16}},
            "rslora_patterns": {"target_modules": language, "rank_pattern": {"down_proj": 3}, "use_rslora": True},
            "dora": {"target_modules": everywhere, "use_dora": True},
            "vision": {"target_modules": everywhere},
            "saved": {"target_modules": language, "modules_to_save": ["merger", "lm_head"]},
        }
        for family in self.each_family():
            base = self.root / family / "plain"
            for kind, config in kinds.items():
                if kind == "saved" and family != "qwen2_5_vl":
                    config = config | {"modules_to_save": ["multi_modal_projector", *(["lm_head"] if family == "llava" else [])]}
                with self.subTest(family=family, kind=kind):
                    adapted, folder = self.saved_adapter(family, kind, **config)
                    self.assert_same_logits(adapted, self.trace(base, self.one, flags=["--adapter", folder]))
                    merged = self.root / family / f"merged_{kind}"
                    done = holisafe("model", "merge", "--model", base, "--adapter", folder, "--out", merged)
                    self.assertEqual((done.returncode, done.stderr), (0, b""))
                    trace = self.trace(merged, self.one)
                    self.assert_same_logits(adapted, trace)
                    self.assertLess((self.reference(merged, trace)[1].logits[0] - trace["logits"]).abs().max() / trace["logits"].abs().max(), 1e-4)
                    if kind in ("vision", "dora") and family != "qwen2_5_vl":  # the names of transformers 4
                        path = folder / "adapter_model.safetensors"
                        save_file({name.replace("model.model.vision_tower.", "model.vision_tower.vision_model.")
                                   .replace("model.model.language_model.", "model.language_model.model."): tensor
                                   for name, tensor in load_file(path).items()}, path, metadata={"format": "pt"})
                        self.assert_same_logits(adapted, self.trace(base, self.one, flags=["--adapter", folder]))

    def tied(self, family, name, stored=False, modern=False):
        """A checkpoint whose output matrix is its embedding; `stored`: the files hold it twice; `modern`: under the names of transformers 5."""
        from safetensors.torch import load_file, save_file
        folder = self.root / family / name
        shutil.copytree(self.root / family / "plain", folder, ignore=shutil.ignore_patterns("*.safetensors*"))
        tensors = load_file(self.root / family / "plain" / "model.safetensors")
        embedding = next(key for key in tensors if key.endswith("embed_tokens.weight"))
        head = "language_model.lm_head.weight" if embedding.startswith("language_model.model.") else "lm_head.weight"
        tensors.pop(head, None)
        if stored:
            tensors[head] = tensors[embedding].clone()
        if modern:
            names = {"language_model.model.": "model.language_model.", "vision_tower.vision_model.": "model.vision_tower.",
                     "multi_modal_projector.": "model.multi_modal_projector.", "language_model.lm_head.": "lm_head."}
            for old, new in names.items():
                tensors = {new + key.removeprefix(old) if key.startswith(old) else key: value for key, value in tensors.items()}
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        config = json.loads((folder / "config.json").read_text())
        for part in (config, config.get("text_config", config)):
            part["tie_word_embeddings"] = True
        (folder / "config.json").write_text(json.dumps(config))
        return folder

    def test_adapters_that_part_a_tied_output_matrix_from_the_embedding(self):
        from safetensors.torch import load_file
        language = r".*language_model.*\.q_proj"
        kinds = {
            "embeddings": {"target_modules": language, "modules_to_save": ["embed_tokens"]},
            "head": {"target_modules": language, "modules_to_save": ["lm_head"]},
            "both": {"target_modules": language, "modules_to_save": ["embed_tokens", "lm_head"]},
            "low_rank_head": {"target_modules": r".*(language_model.*\.q_proj|lm_head)"},
            "dora_head": {"target_modules": r".*(language_model.*\.q_proj|lm_head)", "use_dora": True},
            "kept_tied": {"target_modules": language, "modules_to_save": ["embed_tokens"], "ensure_weight_tying": True},
        }
        layouts = {"tied": {}, "tied_stored": {"stored": True}, "tied_modern": {"modern": True}, "tied_modern_stored": {"stored": True, "modern": True}}
        for family in self.each_family():
            for layout, how in layouts.items():
                if how.get("modern") and family == "qwen2_5_vl":
                    continue
                base = self.tied(family, layout, **how)
                plain = self.trace(base, self.one)
                wanted = ["head"] if layout != "tied" else [kind for kind in kinds if family == "gemma3" or kind not in ("both", "dora_head")]
                for kind in wanted:
                    config = kinds[kind]
                    with self.subTest(family=family, layout=layout, kind=kind):
                        adapted, folder = self.saved_adapter(family, f"{layout}_{kind}", base=layout, **config)
                        trace = self.trace(base, self.one, flags=["--adapter", folder])
                        self.assert_same_logits(adapted, trace)
                        self.assertGreater((plain["logits"] - trace["logits"]).abs().max() / plain["logits"].abs().max(), 1e-2)
                        merged = self.root / family / f"merged_{layout}_{kind}"
                        done = holisafe("model", "merge", "--model", base, "--adapter", folder, "--out", merged)
                        self.assertEqual((done.returncode, done.stderr), (0, b""))
                        found = self.trace(merged, self.one)
                        self.assert_same_logits(adapted, found)
                        of_transformers = self.reference(merged, found)[1].logits[0]
                        self.assertLess((of_transformers - found["logits"]).abs().max() / found["logits"].abs().max(), 1e-4)
                        heads = [name for name in load_file(merged / "model.safetensors") if name.endswith("lm_head.weight")]
                        document = json.loads((merged / "config.json").read_text())
                        if kind != "kept_tied":
                            self.assertEqual(heads, ["lm_head.weight" if how.get("modern") or family == "qwen2_5_vl" else "language_model.lm_head.weight"])
                            self.assertFalse(document["tie_word_embeddings"] or document.get("text_config", document)["tie_word_embeddings"])
                        shutil.rmtree(merged)

    def test_adapters_that_would_be_wrong(self):
        _, folder = self.saved_adapter("llava", "wrong", target_modules=r".*language_model.*\.q_proj")
        base, config = self.root / "llava" / "plain", folder / "adapter_config.json"
        plain = json.loads(config.read_text())
        for value in ("pissa", "pissa_niter_4", "olora", "corda", "loftq"):
            config.write_text(json.dumps(plain | {"init_lora_weights": value}))
            self.assert_error(holisafe("ask", "--model", base, "--adapter", folder, "--prompt", "x"), "init_lora_weights", value)
        config.write_text(json.dumps(plain))
        (folder / "non_lora_trainables.bin").write_bytes(b"PK")
        self.assert_error(holisafe("ask", "--model", base, "--adapter", folder, "--prompt", "x"), "non_lora_trainables.bin")
        (folder / "non_lora_trainables.bin").unlink()
        (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
        self.assert_error(holisafe("ask", "--model", base, "--adapter", folder, "--prompt", "x"), "adapter_model.bin")
        self.assert_error(holisafe("ask", "--model", folder, "--prompt", "x"), "adapter", "--adapter")

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

    def test_guard_of_another_size(self):
        family = self.families[0]
        path = self.root / "other.safetensors"
        write_guard(path, 40, family)
        (info,) = self.lines(holisafe("model", "info", self.safe(family), "--json"))
        self.assert_error(holisafe("guard", "--model", self.safe(family), "--guard", path, self.one), "40",
                          str(info["hidden_size"]))
        self.assert_error(holisafe("ask", "--model", self.safe(family), "--guard", path, "--prompt", "x"), "40",
                          str(info["hidden_size"]))


    def test_guard_of_another_family(self):
        """It fits in size, and would give verdicts that mean nothing."""
        for family in self.families:
            (info,) = self.lines(holisafe("model", "info", self.safe(family), "--json"))
            other = "gemma3" if family != "gemma3" else "llava"
            path = self.root / f"not_{family}.safetensors"
            write_guard(path, info["hidden_size"], other)
            for command in (("guard", self.one), ("ask", "--prompt", "x")):
                self.assert_error(holisafe(command[0], "--model", self.safe(family), "--guard", path, *command[1:]), family, other, path.name)
        if "llava" in self.families:
            (info,) = self.lines(holisafe("model", "info", self.safe("llava"), "--json"))
            write_guard(path, info["hidden_size"], "llava_llama")
            self.assertEqual(len(self.lines(holisafe("guard", "--model", self.safe("llava"), "--guard", path, "--json", self.one))), 1)


def write_guard(path, hidden_size, model_type):
    import torch
    from safetensors.torch import save_file
    torch.manual_seed(3)
    half = hidden_size // 2
    save_file({"mlp.0.weight": torch.randn(half, hidden_size), "mlp.0.bias": torch.randn(half),
               "mlp.3.weight": torch.randn(20, half), "mlp.3.bias": torch.randn(20)}, path,
              metadata={"format": "holisafe-guard/1", "categories": json.dumps(CLASSES), "hidden_size": str(hidden_size),
                        "pooling": "last_hidden", "model_type": model_type})


if __name__ == "__main__":
    unittest.main()
