"""Broken model folders, other chat templates and bad command lines, on tiny random checkpoints of every family: an error line, or words as asked."""

import json
import os
import shutil
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.environ["HOLISAFE_SOURCE_DIR"], "tools", "fixtures"))
from engine_checkpoints import Checkpoints, holisafe  # noqa: E402

LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 3846800\n"


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


if __name__ == "__main__":
    unittest.main()
