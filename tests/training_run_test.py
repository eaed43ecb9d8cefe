"""A run of `holisafe train`: resuming, many processes, dropout, flags and a config file, what goes wrong."""

import json
import math
import resource
import shutil
import signal
import subprocess
import sys
import time
import unittest

import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from training_case import EXACT, PROGRAM, TrainingCase, load_base


class Run(TrainingCase):
    def test_dropout_is_the_same_with_activation_checkpoints(self):
        flags = ["--max-steps", 2, "--batch-size", 4, "--grad-accum", 1, "--lora-rank", 4, "--lora-dropout", 0.3, *EXACT[6:]]
        self.train(self.out, *flags)
        self.train(self.root / "again", *flags, "--checkpoint-activations")
        self.agree(self.metrics(self.root / "again"), self.metrics(self.out), first=2, bound=1e-5)

    def test_bfloat16_learns_nearly_the_same(self):
        """On a base that stores bfloat16, whose frozen weights stay so; what is trained stays float32."""
        base = self.root / "bf16"
        shutil.copytree(self.base, base)
        tensors = load_file(base / "model.safetensors")
        save_file({name: tensor.to(torch.bfloat16) for name, tensor in tensors.items()}, base / "model.safetensors", metadata={"format": "pt"})
        flags = [*EXACT, *self.start(), "--max-steps", 8, "--batch-size", 4, "--grad-accum", 1, "--no-shuffle", "--warmup-ratio", 0, "--guard-pooling", "last_hidden"]
        self.train(self.root / "exact", *flags, model=base)
        for name, extra in {"short": [], "recomputed": ["--checkpoint-activations"]}.items():
            self.train(self.root / name, *flags, "--dtype", "bfloat16", *extra, model=base)
            for exact, rough in zip(self.metrics(self.root / "exact"), self.metrics(self.root / name), strict=True):
                for key in ("loss", "lm_loss", "guard_loss", "grad_norm"):
                    self.assertTrue(math.isfinite(rough[key]))
                    self.assertLessEqual(abs(rough[key] - exact[key]), 0.1 * max(exact[key], 0.1), f"step {exact['step']}: {key}")
            self.assertNotEqual(self.metrics(self.root / "exact")[0]["lm_loss"], self.metrics(self.root / name)[0]["lm_loss"])
            for file, dtype in (("adapter/adapter_model", torch.float32), ("guard", torch.float32), ("model/model", torch.bfloat16)):
                found = load_file(self.root / name / f"{file}.safetensors")
                self.assertEqual({t.dtype for key, t in found.items() if "img_safety_head" not in key}, {dtype}, file)
        self.agree(self.metrics(self.root / "recomputed"), self.metrics(self.root / "short"), first=8, bound=1e-2)

    RESUMED = ["--max-steps", 12, "--batch-size", 2, "--grad-accum", 1, "--save-every", 3, "--keep", 3, "--lora-rank", 4, "--lora-dropout", 0.2, "--guard-dropout", 0.2,
               "--lr", 1e-3, "--vision-lr", 1e-4]

    def same_run(self, one, other):
        for path in ("adapter/adapter_model.safetensors", "adapter/adapter_config.json", "guard.safetensors", "model/model.safetensors", "model/config.json"):
            self.assertEqual((one / path).read_bytes(), (other / path).read_bytes(), path)
        drop = lambda line: {key: value for key, value in line.items() if key != "samples_per_second"}
        self.assertEqual(list(map(drop, self.metrics(one))), list(map(drop, self.metrics(other))))

    def interrupt(self, out, after, number):
        """Starts a run and ends it when it has begun step `after`."""
        process = subprocess.Popen(self.command(out, *self.RESUMED), stderr=subprocess.PIPE, text=True)
        while process.poll() is None:
            log = out / "metrics.jsonl"
            if log.exists() and len(log.read_text().splitlines()) >= after:
                process.send_signal(number)
                break
            time.sleep(0.005)
        error = process.communicate(timeout=120)[1]
        self.assertNotEqual(process.returncode, 0, "the run was over before it was stopped")
        return process.returncode, error

    def test_resumed_runs_equal_the_straight_one(self):
        straight = self.root / "straight"
        self.train(straight, *self.RESUMED)
        # Killed, then its newest checkpoint torn: goes on from the one before.
        killed = self.root / "killed"
        self.interrupt(killed, 7, signal.SIGKILL)
        newest = max((killed / "checkpoints").glob("step-*"), key=lambda path: int(path.name[5:]))
        torn = newest / "optimizer.safetensors"
        torn.write_bytes(torn.read_bytes()[:-100])
        warning = self.train(killed, *self.RESUMED, "--resume")
        self.assertIn(newest.name, warning)
        self.assertIn("warning", warning)
        self.same_run(killed, straight)
        # Interrupted: leaves a checkpoint of the step it was in.
        stopped = self.root / "stopped"
        code, error = self.interrupt(stopped, 4, signal.SIGINT)
        self.assertEqual(code, 130, error)
        self.train(stopped, *self.RESUMED, "--resume")
        self.same_run(stopped, straight)
        self.refused(straight)

    def test_a_full_disk_leaves_the_last_checkpoint_whole(self):
        """Files may not grow beyond what the checkpoint of step 6 needs, from step 4 on."""
        straight = self.root / "straight_to_full"
        self.train(straight, *self.RESUMED)
        self.interrupt(self.out, 4, signal.SIGKILL)
        last = self.out / "checkpoints/step-3"
        for later in set((self.out / "checkpoints").iterdir()) - {last}:  # the run may have gone on while it was being stopped
            shutil.rmtree(later)
        before = {path: path.read_bytes() for path in last.iterdir()}
        size = (last / "optimizer.safetensors").stat().st_size - 1000

        def fill():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        done = subprocess.run(self.command(self.out, *self.RESUMED, "--resume"), capture_output=True, text=True, timeout=300, preexec_fn=fill)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertRegex(done.stderr, r"holisafe: error: cannot write[^\n]*optimizer\.safetensors[^\n]*\n\Z")
        self.assertEqual({path: path.read_bytes() for path in last.iterdir()}, before)
        self.assertFalse((self.out / "checkpoints/step-6").exists())
        self.train(self.out, *self.RESUMED, "--resume")
        self.same_run(self.out, straight)

    def refused(self, run):
        """A run without --resume, and resuming with another base, data or flag."""
        before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
        self.assertIn("--resume", self.train(run, *self.RESUMED, code=2))
        other = self.root / "other"
        shutil.copytree(self.base, other)
        tensors = load_file(other / "model.safetensors")
        name = next(name for name in tensors if "q_proj" in name)
        save_file({**tensors, name: tensors[name] * 1.5}, other / "model.safetensors", metadata={"format": "pt"})
        (self.root / "fewer.json").write_text(json.dumps(self.samples[1:]))
        for flags, paths, named in (([], {"model": other}, "model"), ([], {"data": self.root / "fewer.json"}, "data"), (["--seed", 9], {}, "--seed"),
                                    (["--lr", 5e-3], {}, "--lr")):
            changed = [flag for i, flag in enumerate(self.RESUMED) if not (flags and (flag == flags[0] or (i and self.RESUMED[i - 1] == flags[0])))]
            error = self.train(run, *changed, *flags, "--resume", code=2, **paths)
            self.assertIn(f": {named}: ", error)
        self.assertEqual({path: path.read_bytes() for path in run.rglob("*") if path.is_file()}, before)

    # ---- what comes out

    def warnings(self, model, *flags):
        """What a question to a model prints as a warning."""
        done = subprocess.run([PROGRAM, "ask", "--model", model, "--prompt", "What is it?", "--max-new-tokens", "1", *flags], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [line for line in done.stderr.splitlines() if line.startswith("holisafe: warning: ")]

    def test_an_adapter_names_what_was_trained_beside_it(self):
        few = ["--max-steps", 2, "--batch-size", 4, "--grad-accum", 1, "--lora-rank", 4]
        self.train(self.out, *few)
        adapter, guard = self.out / "adapter", ["--guard", self.out / "guard.safetensors"]
        key = "holisafe_trained_beside"
        self.assertEqual(set(json.loads((adapter / "adapter_config.json").read_text())[key]), {"vision", "projector", "guard"})
        PeftModel.from_pretrained(load_base(self.base), adapter)  # passes the key over

        (alone,) = self.warnings(self.base, "--adapter", adapter)
        self.assertIn(f"{adapter}: the adapter was trained together with vision tower, projector, guard, which are not here", alone)
        (guarded,) = self.warnings(self.base, "--adapter", adapter, *guard)
        self.assertIn("together with vision tower, projector, which", guarded)
        self.assertEqual(self.warnings(self.out / "model"), [])
        # A base that has tower and projector as they were trained, but not the adapter inside.
        grafted = self.root / "grafted"
        shutil.copytree(self.base, grafted)
        base, whole = load_file(self.base / "model.safetensors"), load_file(self.out / "model/model.safetensors")
        trained = {name: whole[name] if "vision_tower" in name or "projector" in name else base[name] for name in base}
        save_file(trained, grafted / "model.safetensors", metadata={"format": "pt"})
        self.assertEqual(self.warnings(grafted, "--adapter", adapter, *guard), [])
        name = next(name for name in trained if "projector" in name)
        save_file({**trained, name: base[name]}, grafted / "model.safetensors", metadata={"format": "pt"})
        (half,) = self.warnings(grafted, "--adapter", adapter, *guard)
        self.assertIn("together with projector, which is not here", half)
        # Where nothing else learned, nothing is missing.
        frozen = self.root / "frozen"
        self.train(frozen, *few, "--freeze", "vision,projector", "--no-guard")
        self.assertNotIn(key, json.loads((frozen / "adapter/adapter_config.json").read_text()))
        self.assertEqual(self.warnings(self.base, "--adapter", frozen / "adapter"), [])
        # Training goes on from it, and says the same.
        again = self.train(self.root / "gone_on", *few, "--lora-alpha", 256, "--init-adapter", adapter)
        self.assertIn(f"holisafe: warning: {adapter}: the adapter was trained together with vision tower, projector, guard", again)

    # ---- many processes

    def test_two_processes_as_one(self):
        # Five samples a step over micro-batches of one: some ranks get no image, and the last step is smaller.
        flags = [*EXACT, *self.start(), "--max-steps", 5, "--batch-size", 1, "--warmup-ratio", 0, "--seed", 5]
        self.train(self.out, *flags, "--grad-accum", 4)
        for process in self.ranks(self.root / "two", *flags, "--grad-accum", 2):
            error = process.communicate(timeout=120)[1]
            self.assertEqual(process.returncode, 0, error)
        self.agree(self.metrics(self.root / "two"), self.metrics(self.out), first=5, bound=2e-5)

    def test_torchrun_starts_it(self):
        flags = [*EXACT, *self.start(), "--max-steps", 4, "--batch-size", 2, "--warmup-ratio", 0, "--seed", 6]
        self.train(self.out, *flags, "--grad-accum", 2)
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"]
        done = subprocess.run([*launcher, *self.command(self.root / "launched", *flags, "--grad-accum", 1)], capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.agree(self.metrics(self.root / "launched"), self.metrics(self.out), first=4, bound=2e-5)

    def test_a_dead_process_ends_the_other(self):
        for victim in (1, 0):
            out = self.root / f"without_{victim}"
            processes = self.ranks(out, *EXACT, "--max-steps", 100000, "--batch-size", 1, "--grad-accum", 1)
            while not (out / "metrics.jsonl").exists() or len((out / "metrics.jsonl").read_text()) < 300:
                self.assertIsNone(processes[0].poll())
                time.sleep(0.05)
            processes[victim].kill()
            error = processes[1 - victim].communicate(timeout=300)[1]
            self.assertEqual(processes[1 - victim].returncode, 2)
            self.assertRegex(error, r"holisafe: error: .*died")
            if victim == 1:
                self.assertRegex(error, r"step \d+ is saved, --resume goes on")
                self.assertTrue(list((out / "checkpoints").iterdir()))
            processes[victim].communicate()

    # ---- what is seen before the first step

    FEW = ["--max-steps", 7, "--batch-size", 1, "--grad-accum", 1, "--no-shuffle", "--lora-rank", 4]

    def data(self, name, samples):
        path = self.root / f"{name}.json"
        path.write_text(json.dumps(samples))
        return path

    def test_answers_that_are_cut_are_said_before_the_first_step(self):
        long = " word" * 100
        shapes = {"whole": ("What?", "A lamp."), "all gone": (f"What?{long}", "A lamp."), "a part": ("What?", f"A lamp.{long}"), "gone too": (long, "Two.")}
        picture = {"image": "sub/0.png"}
        data = self.data("cut", [{"id": name, **picture, "conversations": [{"from": "human", "value": f"<image>\n{ask}"}, {"from": "gpt", "value": say}]}
                                 for name, (ask, say) in shapes.items()])
        error = self.train(self.out, *self.FEW[2:], "--max-steps", 1, "--max-length", 150, data=data)
        self.assertRegex(error, r"(?m)^holisafe: warning: --max-length 150 cuts away all answers in 2 of 4 samples, which teach nothing "
                                r"\(all gone, gone too\), and a part of the answers in 1 of 4 samples; the longest sample has \d+ tokens$")
        again = self.train(self.root / "cut_again", *self.FEW[2:], "--max-steps", 1, "--max-length", 4000, data=data)
        self.assertNotIn("cuts away", again)
        none = self.root / "none_left"
        error = self.train(none, *self.FEW, "--max-length", 150, code=2, data=self.data("gone", [json.loads(data.read_text())[1]] * 3))
        self.assertRegex(error, r"holisafe: error: cannot train: --max-length 150: nothing of any answer is left in 3 samples \(all gone, all gone, all gone\);")
        self.assertFalse(none.exists())
        # The guard alone learns from labels: answers do not matter.
        self.assertNotIn("cuts", self.train(self.root / "labels", "--freeze", "all", "--max-steps", 1, "--max-length", 150))

    def test_the_models_context_cuts_too(self):
        base = self.root / "short_context"
        shutil.copytree(self.base, base)
        config = json.loads((base / "config.json").read_text())
        config["text_config"]["max_position_embeddings"] = 150
        (base / "config.json").write_text(json.dumps(config))
        data = self.data("context", [{"id": i, "conversations": [{"from": "human", "value": "What?"}, {"from": "gpt", "value": "Two" + " word" * n}]}
                                     for i, n in enumerate((1, 400))])
        error = self.train(self.out, *self.FEW[2:], "--max-steps", 1, data=data, model=base)
        self.assertRegex(error, r"warning: [^\n]*max_position_embeddings 150[^\n]* cuts away a part of the answers in 1 of 2 samples; the longest sample has \d+ tokens")

    def test_every_picture_is_looked_at_before_the_first_step(self):
        page, empty = self.root / "images/page.jpg", self.root / "images/empty.png"
        page.write_text("<!DOCTYPE html><html>Not found</html>")
        empty.write_bytes(b"")
        for name, others in (("page", ""), ("empty", "")):
            file = {"page": page, "empty": empty}[name]
            data = self.data(name, [*self.samples, {"id": "last", "image": file.name, "conversations": self.samples[0]["conversations"]}])
            error = self.train(self.out, *self.FEW, code=2, data=data)
            self.assertRegex(error, rf"holisafe: error: cannot train: not a picture: [^\n]*{file.name}: [^\n]*\n$")
            self.assertIn({"page": "found an HTML page", "empty": "the file is empty"}[name], error)
            self.assertFalse(self.out.exists())
        both = self.data("both", [{"id": i, "image": file.name, "conversations": self.samples[0]["conversations"]} for i, file in enumerate((page, empty))])
        self.assertIn("(and 1 other pictures)", self.train(self.out, *self.FEW, code=2, data=both))

    def test_an_error_on_the_way_leaves_the_last_whole_step(self):
        """The fifth picture is cut short, which only decoding it shows; mended, the run goes on as if nothing had been."""
        torn = self.root / "images/torn.png"
        whole = (self.root / "images/sub/4.png").read_bytes()
        samples = json.loads(json.dumps(self.samples))
        samples[4]["image"] = torn.name
        data = self.data("torn", samples)
        torn.write_bytes(whole)
        straight = self.root / "untorn"
        self.train(straight, *self.FEW, data=data)
        torn.write_bytes(whole[:len(whole) // 2])
        error = self.train(self.out, *self.FEW, code=2, data=data)
        self.assertRegex(error, r"holisafe: error: [^\n]*torn\.png[^\n]*; step 4 is saved, --resume goes on\n$")
        self.assertEqual([path.name for path in (self.out / "checkpoints").iterdir()], ["step-4"])
        torn.write_bytes(whole)
        self.train(self.out, *self.FEW, "--resume", data=data)
        self.same_run(self.out, straight)

    def test_images_without_a_tag_are_refused(self):
        row = {"id": 1, "images": ["sub/0.png"], "conversations": [{"from": "human", "value": "What?"}, {"from": "gpt", "value": "A lamp."}]}
        error = self.train(self.out, *self.FEW, code=2, data=self.data("untagged", [row]))
        self.assertRegex(error, r"id 1: images: expected 1 <image>")
        row["conversations"][0]["value"] = "<image>\nWhat?"
        self.train(self.out, "--max-steps", 1, *self.FEW[2:], data=self.data("tagged", [row]))
        single = self.root / "single"
        row["image"] = row.pop("images")[0]
        self.train(single, "--max-steps", 1, *self.FEW[2:], data=self.data("single", [row]))
        drop = lambda line: {key: value for key, value in line.items() if key != "samples_per_second"}
        self.assertEqual(list(map(drop, self.metrics(self.out))), list(map(drop, self.metrics(single))))

    # ---- what goes wrong

    def test_a_loss_that_is_not_finite_names_its_sample(self):
        broken = self.root / "broken"
        shutil.copytree(self.base, broken)
        tensors = load_file(broken / "model.safetensors")
        from transformers import AutoTokenizer
        words = AutoTokenizer.from_pretrained(self.base)
        ids = [words(" ".join(turn["value"] for turn in sample["conversations"])).input_ids for sample in self.samples]
        alone = next(token for token in ids[1] if all(token not in other for i, other in enumerate(ids) if i != 1))
        name = next(name for name in tensors if name.endswith("embed_tokens.weight"))
        tensors[name][alone] = float("nan")
        save_file(tensors, broken / "model.safetensors", metadata={"format": "pt"})
        error = self.train(self.out, "--max-steps", 3, "--batch-size", 8, "--grad-accum", 1, code=2, model=broken)
        self.assertRegex(error, "holisafe: error: loss is not finite: step 1: samples two;")

    def test_config_file_and_bad_flags(self):
        (self.root / "run.toml").write_text(f"""# comment
model = "{self.base}"
data = "{self.root / 'data.json'}"   # another
images = "{self.root / 'images'}"
out = "{self.out}"
max-steps = 2
batch-size = 8
grad-accum = 1
lora-rank = 4
lora-targets = ["q_proj", "v_proj"]
mix = ["{self.root / 'data.json'}:2"]
shuffle = false
lr = 1e-3
""")
        done = subprocess.run([PROGRAM, "train", "--config", self.root / "run.toml", "--max-steps", "1"], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.metrics(self.out)), 1)
        self.assertEqual(self.metrics(self.out)[0]["lr"], 0)
        flags = json.loads((self.out / "run.json").read_text())["flags"]
        self.assertEqual((flags["lora-targets"], flags["shuffle"], flags["lr"], flags["mix"][0][1]), (["q_proj", "v_proj"], False, 1e-3, 2))
        targets = {name.split(".")[-3] for name in load_file(self.out / "adapter/adapter_model.safetensors")}
        self.assertEqual(targets, {"q_proj", "v_proj"})
        (self.root / "bad.toml").write_text("lerning-rate = 1\nbatchsize = 3\n")
        done = subprocess.run([PROGRAM, "train", "--config", self.root / "bad.toml"], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 2)
        self.assertIn("batch-size", done.stderr)
        unused = self.root / "unused"
        for flags, named in ((["--lora-targets", "q_prj"], "--lora-targets"), (["--init-adapter", self.root / "adapter", "--lora-rank", 8], "--lora-rank"),
                             (["--max-length", 10], "--max-length"), (["--mix", f"{self.root / 'data.json'}:99"], "--mix"), (["--freeze", "tower"], "--freeze"),
                             (["--device", "tpu"], "expected cpu, cuda or cuda:N"), (["--device", "cuda:99"], "cannot use device: cuda:99")):
            self.assertIn(named, self.train(unused, "--max-steps", 1, *flags, code=2))
            shutil.rmtree(unused, ignore_errors=True)


if __name__ == "__main__":
    unittest.main()
