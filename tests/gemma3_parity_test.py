"""Gemma 3 against transformers, stage by stage: every layout, config spelling and branch on tiny random checkpoints."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch  # noqa: E402
from PIL import Image  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

sys.path.insert(0, str(pathlib.Path(os.environ["HOLISAFE_SOURCE_DIR"]) / "tools/fixtures"))
import chat_templates  # noqa: E402
import gemma3 as reference  # noqa: E402
import settled_torch  # noqa: E402, F401

PROGRAM = os.environ["HOLISAFE_BIN"]
LONG = "Describe what you see in as many words as you like, then say whether it is safe.\n\nBe brief\u00a0\t"
# The published files' spelling: whatever is a default is left out.
PUBLISHED = {"architectures": ["Gemma3ForConditionalGeneration"], "eos_token_id": [1, 106], "model_type": "gemma3"}
OLD_TEXT = dict(reference.TEXT, model_type="gemma3_text", rope_scaling={"factor": 8.0, "rope_type": "linear"}, rope_theta=900000.0, rope_local_base_freq=7000.0,
                sliding_window_pattern=3)


class Gemma3(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        torch.set_num_threads(1)
        cls.work = tempfile.TemporaryDirectory(prefix="holisafe_gemma3_")
        cls.root = pathlib.Path(cls.work.name)
        cls.paths = reference.pictures(cls.root)
        cls.images = [Image.open(path).convert("RGB") for path in cls.paths]
        cls.plain = reference.Checkpoint(cls.root / "plain", guard=True)
        (cls.plain.folder / "tokenizer.model").write_bytes(b"not looked at: tokenizer.json wins")

    @classmethod
    def tearDownClass(cls):
        cls.work.cleanup()

    def run_program(self, *arguments, code=0):
        done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def flags(self, user, images, system):
        """A prompt behind its images, or a list of messages."""
        if isinstance(user, list):
            return ["--conversation", chat_templates.write(user, self.root / "conversation.json")]
        return [flag for index in images for flag in ("--image", self.paths[index])] + (["--system", system] if system is not None else []) + ["--prompt", user]

    def ours(self, checkpoint, user, images=(), system=None):
        out = self.root / "trace.safetensors"
        self.run_program("model", "trace", "--model", checkpoint.folder, "--out", out, *self.flags(user, images, system))
        return load_file(out)

    def asked(self, checkpoint, user, images=(), system=None, tokens=24):
        done = self.run_program("ask", "--json", "--model", checkpoint.folder, "--max-new-tokens", tokens, *self.flags(user, images, system))
        return json.loads(done.stdout)

    def close(self, ours, expected, bound, name):
        self.assertEqual(ours.shape, expected.shape, name)
        difference = (ours.double() - expected.double()).abs().max().item()
        self.assertLessEqual(difference, bound, name)

    def check(self, checkpoint, user, images=(), system=None, tokens=24, stripped=None):
        """Ids, pixels, features, hidden states, logits, greedy tokens."""
        if isinstance(user, list):
            text = chat_templates.apply(chat_templates.GEMMA3, user, bos_token="<bos>")
        else:
            text = reference.prompt(user.strip() if stripped is None else stripped, len(images), system)
        inputs = checkpoint.inputs(text, [self.images[index] for index in images])
        expected = checkpoint.trace(inputs)
        ours = self.ours(checkpoint, user, images, system)
        self.assertEqual(ours["input_ids"].tolist(), expected["input_ids"].tolist())
        self.assertEqual(set(ours) - {"guard_logits"}, set(expected))
        if images:
            self.close(ours["pixel_values"], expected["pixel_values"], 1e-6, "pixel_values")
        for stage in [name for name in ("image_features", "hidden_states", "logits") if name in expected]:
            self.close(ours[stage], expected[stage], 1e-4 * expected[stage].abs().max().item(), stage)
        answer = self.asked(checkpoint, user, images, system, tokens)
        self.assertEqual(answer["prompt_token_ids"], expected["input_ids"].tolist())
        self.assertEqual(answer["completion_token_ids"], checkpoint.answer(inputs, tokens))
        return answer

    def test_text_alone(self):
        answer = self.check(self.plain, LONG, tokens=32)
        self.assertIsNone(answer["guard"])
        self.check(self.plain, "a", tokens=4)

    def test_one_and_several_images(self):
        self.check(self.plain, LONG, [0])
        self.check(self.plain, LONG, [2, 1], tokens=40)  # two blocks, decoding far past the window
        self.check(self.plain, "  ", [1, 1, 0], tokens=3)

    def test_conversations_as_the_released_template_puts_them(self):
        for messages in chat_templates.conversations(self.paths):
            with self.subTest(messages=messages):
                self.check(self.plain, messages, [self.paths.index(pathlib.Path(path)) for path in chat_templates.images_of(messages)], tokens=6)

    def test_system_text_before_the_first_text(self):
        self.check(self.plain, LONG, [0], system="You are careful.\n")
        self.check(self.plain, LONG, system=" Answer in one word. ")

    def test_published_layout_and_spelling(self):
        written = PUBLISHED | {"text_config": OLD_TEXT, "vision_config": reference.VISION}
        checkpoint = reference.Checkpoint(self.root / "published", layout="4.50", written=written, storage=torch.bfloat16, shards=3)
        self.check(checkpoint, LONG, [1, 0], tokens=12)

    def test_defaults_of_the_family(self):
        """What config.json leaves out: eight heads on four of width 256, window 4096, a global layer in six, plain rotary embeddings."""
        text = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=6, vocab_size=832)
        vision = dict(model_type="siglip_vision_model", hidden_size=24, intermediate_size=32, num_hidden_layers=1, image_size=84, patch_size=14)
        own = {"layer_types": None, "rope_parameters": None, **{key: value for key, value in dict(
            num_attention_heads=8, num_key_value_heads=4, head_dim=256, query_pre_attn_scalar=256, sliding_window=4096).items()}}
        checkpoint = reference.Checkpoint(self.root / "defaults", layout="4.52", text=text | own, vision=vision | {"num_attention_heads": 12, "vision_use_head": True},
                                          written=PUBLISHED | {"text_config": text, "vision_config": vision})
        self.check(checkpoint, LONG, [0], tokens=6)

    def test_module_paths_of_4_52_untied_with_biases(self):
        checkpoint = reference.Checkpoint(self.root / "untied", layout="4.52", tie_word_embeddings=False, shards=2, nested_processor=True,
                                          text={"attention_bias": True, "tie_word_embeddings": False})
        self.check(checkpoint, LONG, [2], tokens=8)

    def test_every_layer_sliding_and_every_layer_global(self):
        for name, kind in {"sliding": "sliding_attention", "global": "full_attention"}.items():
            checkpoint = reference.Checkpoint(self.root / name, text={"layer_types": [kind] * 7, "sliding_window": 5})
            self.check(checkpoint, LONG, [0], tokens=8)

    def test_pooling_that_does_not_divide(self):
        """7 x 7 patches, 9 soft tokens: windows of 2, the last row and column are left out."""
        size = {"size": {"height": 98, "width": 98}}
        checkpoint = reference.Checkpoint(self.root / "uneven", vision={"image_size": 98}, preprocessor=size)
        checkpoint.processor.image_processor.size = checkpoint.processor.image_processor.size.__class__(height=98, width=98)
        self.check(checkpoint, "hi", [0], tokens=2)

    def test_pan_and_scan(self):
        settings = dict(do_pan_and_scan=True, pan_and_scan_min_crop_size=40, pan_and_scan_max_num_crops=3, pan_and_scan_min_ratio_to_activate=1.2)
        for nested in (False, True):
            checkpoint = reference.Checkpoint(self.root / f"scan{nested}", pan_and_scan=settings, nested_processor=nested)
            self.check(checkpoint, LONG, [1], tokens=6)
            self.check(checkpoint, LONG, [0, 2, 1], tokens=6)  # no crops, three below each other, three in a row

    def test_stop_tokens(self):
        inputs = self.plain.inputs(reference.prompt(LONG.strip()), [])
        free = self.plain.answer(inputs, 12, stops=())
        stop = next(token for token in free[2:] if token not in free[:2])
        checkpoint = reference.Checkpoint(self.root / "stops", generation={"eos_token_id": [1, stop], "do_sample": True, "temperature": 3.0, "top_k": 64})
        answer = self.asked(checkpoint, LONG.strip(), tokens=12)
        self.assertEqual(answer["completion_token_ids"], checkpoint.answer(inputs, 12, stops=(1, stop)))
        self.assertEqual(answer["completion_token_ids"][-1], stop)
        self.assertEqual(answer["finish_reason"], "stop")

    def test_typed_special_tokens_stay_text(self):
        specials = ["<bos>", "<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<image_soft_token>", "<end_of_image>"]
        ids = self.ours(self.plain, "x" + "y".join(specials) + "z", [0], system="".join(specials))["input_ids"].tolist()
        counts = [ids.count(self.plain.tokenizer.convert_tokens_to_ids(token)) for token in specials]
        self.assertEqual(counts, [1, 2, 1, 1, reference.TOKENS, 1])
        self.assertIn("".join(specials), self.plain.tokenizer.decode(ids))

    def test_guard_pools_the_projector_without_the_language_model(self):
        def logits(features):
            hidden = torch.nn.functional.gelu(features @ self.plain.guard["mlp.0.weight"].T + self.plain.guard["mlp.0.bias"])
            return hidden @ self.plain.guard["mlp.3.weight"].T + self.plain.guard["mlp.3.bias"]

        features = self.plain.features(self.plain.inputs(reference.prompt("x", 3), self.images))
        pooled = features.mean(1)  # one vector an image
        lines = [json.loads(line) for line in self.run_guard(self.plain.folder)]
        for line, expected in zip(lines, logits(pooled).softmax(-1), strict=True):
            self.close(torch.tensor(list(line["scores"].values())), expected, 1e-5, line["path"])
        answer = self.asked(self.plain, "x", [0, 1, 2], tokens=1)
        expected = logits(pooled.mean(0))
        self.close(torch.tensor(list(answer["guard"]["scores"].values())), expected.softmax(-1), 1e-5, "ask")
        self.close(self.ours(self.plain, "x", [0, 1, 2])["guard_logits"], expected, 1e-4 * expected.abs().max().item(), "guard_logits")

    def run_guard(self, folder):
        done = subprocess.run([PROGRAM, "guard", "--json", "--model", str(folder), *map(str, self.paths)], capture_output=True, text=True, timeout=120)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return done.stdout.splitlines()

    def test_text_only_models_are_refused(self):
        folder = self.root / "text_only"
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text", "hidden_size": 1152}))
        done = self.run_program("model", "trace", "--model", folder, "--prompt", "x", "--out", self.root / "none", code=2)
        self.assertRegex(done.stderr, "holisafe: error: .*gemma3_text.*no vision tower")

    def test_an_adapter_runs_as_in_peft_and_merges_for_transformers(self):
        from peft import LoraConfig, get_peft_model
        from transformers import Gemma3ForConditionalGeneration

        checkpoint = reference.Checkpoint(self.root / "base", layout="4.50")
        torch.manual_seed(1)
        adapted = get_peft_model(checkpoint.model, LoraConfig(r=4, lora_alpha=8, init_lora_weights=False,
                                                              target_modules=r".*language_model.*\.(q_proj|o_proj|down_proj)"))
        adapted.save_pretrained(self.root / "adapter")
        inputs = checkpoint.inputs(reference.prompt("hello", 2), self.images[:2])
        with torch.no_grad():
            expected = adapted(**inputs).logits[0]
        flags = ("--model", checkpoint.folder, "--adapter", self.root / "adapter", "--out")
        self.run_program("model", "trace", "--prompt", "hello", "--image", self.paths[0], "--image", self.paths[1], *flags, self.root / "adapted.safetensors")
        self.close(load_file(self.root / "adapted.safetensors")["logits"], expected, 1e-4 * expected.abs().max().item(), "adapted")
        self.run_program("model", "merge", *flags, self.root / "merged")
        merged, report = Gemma3ForConditionalGeneration.from_pretrained(self.root / "merged", output_loading_info=True)
        self.assertFalse(any(report.values()), report)
        with torch.no_grad():
            self.close(merged.eval()(**inputs).logits[0], expected, 1e-4 * expected.abs().max().item(), "merged")

    def test_what_does_not_fit_is_named(self):
        """Config, processor, tokenizer and weights of one folder that contradict each other."""
        def broken(name, file, change):
            folder = self.root / f"broken_{name}"
            shutil.copytree(self.plain.folder, folder)
            document = json.loads((folder / file).read_text())
            change(document)
            (folder / file).write_text(json.dumps(document))
            done = self.run_program("model", "trace", "--model", folder, "--prompt", "x", "--out", self.root / "none", code=2)
            self.assertRegex(done.stderr, r"\Aholisafe: error: [^\n]*\n\Z")
            return done.stderr

        self.assertIn("size", broken("size", "preprocessor_config.json", lambda d: d.update(size={"height": 96, "width": 96})))
        self.assertIn("image_token_index", broken("token", "config.json", lambda d: d.update(image_token_index=7)))
        self.assertIn("final_logit_softcapping", broken("cap", "config.json", lambda d: d["text_config"].update(final_logit_softcapping=30.0)))
        message = broken("weights", "config.json", lambda d: d["vision_config"].update(num_hidden_layers=4, intermediate_size=57))
        self.assertRegex(message, r"; and \d+ more\n\Z")
        self.assertIn("model.vision_tower.encoder.layers.0.mlp.fc1.bias: expected [57], found [56]", message)
        self.assertIn("unexpected", broken("fewer", "config.json", lambda d: d["text_config"].update(num_hidden_layers=6, layer_types=None)))

    def test_a_random_checkpoint_loads_in_transformers(self):
        from transformers import Gemma3ForConditionalGeneration, PreTrainedTokenizerFast

        folder = self.root / "synth"
        self.run_program("model", "synth", "--family", "gemma3", "--preset", "tiny", "--seed", 3, "--out", folder)
        model, report = Gemma3ForConditionalGeneration.from_pretrained(folder, output_loading_info=True)
        self.assertFalse(any(report.get(kind) for kind in ("missing_keys", "unexpected_keys", "mismatched_keys")), report)
        checkpoint = reference.Checkpoint.__new__(reference.Checkpoint)
        checkpoint.folder, checkpoint.model, checkpoint.config, checkpoint.pan_and_scan = folder, model.eval(), model.config, {}
        checkpoint.tokenizer = PreTrainedTokenizerFast(
            tokenizer_file=str(folder / "tokenizer.json"), bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", unk_token="<unk>",
            extra_special_tokens={"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>", "image_token": "<image_soft_token>"})
        fields = json.loads((folder / "preprocessor_config.json").read_text())
        checkpoint.processor = reference.Gemma3Processor(reference.Gemma3ImageProcessorPil(**{key: fields[key] for key in reference.PROCESSOR}),
                                                         checkpoint.tokenizer, image_seq_length=model.config.mm_tokens_per_image)
        self.check(checkpoint, "What is this?", [0, 1], tokens=6)


if __name__ == "__main__":
    unittest.main()
