"""Qwen2.5-VL stage by stage against transformers, on tiny random checkpoints in every form the files were written."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

SOURCE = pathlib.Path(os.environ["HOLISAFE_SOURCE_DIR"])
PROGRAM = os.environ["HOLISAFE_BIN"]
sys.path.insert(0, str(SOURCE / "tools/fixtures"))
import chat_templates  # noqa: E402
import settled_torch  # noqa: E402, F401
import tokenizer as fixtures  # noqa: E402

SYSTEM = "You are a helpful assistant."
CATEGORIES = ["safe", "gender", "race", "religion", "harassment", "disability_discrimination", "drug_related_hazards", "property_crime",
              "facial_data_exposure", "identity_data_exposure", "physical_self_injury", "suicide", "animal_abuse", "obscene_gestures", "physical_altercation",
              "terrorism", "weapon_related_violence", "sexual_content", "financial_advice", "medical_advice"]
MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
PROCESSOR = {"image_processor_type": "Qwen2VLImageProcessor", "image_mean": MEAN, "image_std": STD, "patch_size": 14, "temporal_patch_size": 2, "merge_size": 2}
TEXT = {"hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 768,
        "max_position_embeddings": 4096, "rms_norm_eps": 1e-6, "hidden_act": "silu", "use_sliding_window": False, "sliding_window": 32768, "max_window_layers": 2}
ROPE = {"type": "mrope", "mrope_section": [2, 2, 2]}
# Blocks 1 and 3 see the whole image, the others windows of 4 x 4 tokens.
VISION = {"depth": 4, "hidden_size": 32, "intermediate_size": 44, "num_heads": 2, "out_hidden_size": 48, "fullatt_block_indexes": [1, 3], "window_size": 112,
          "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2, "hidden_act": "silu", "tokens_per_second": 2, "in_chans": 3}


def picture(path, width, height, seed):
    """Smooth waves with some noise, so that resampling matters everywhere."""
    rng = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[0:height, 0:width]
    waves = [numpy.sin(x * rng.uniform(0.02, 0.6) + y * rng.uniform(0.02, 0.6) + rng.uniform(0, 6)) for _ in range(3)]
    values = 127 + 90 * numpy.stack(waves, axis=2) + rng.normal(0, 20, (height, width, 3))
    Image.fromarray(numpy.clip(values, 0, 255).astype(numpy.uint8)).save(path)
    return path


def randomise(model, seed, embedding):
    """Matrices that keep sizes, norms and biases that are not their defaults."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            drawn = torch.randn(parameter.shape, generator=generator)
            if parameter.dim() == 1:
                parameter.copy_(0.1 * drawn + (0 if name.endswith("bias") else 1))
            else:
                parameter.copy_(embedding * drawn if "embed_tokens" in name else drawn / parameter[0].numel() ** 0.5)


def renamed(name, layout):
    """A tensor of the model in transformers 5 (`model.language_model.…`) as other versions call it."""
    if layout == "flat":
        return name.replace("model.language_model.", "model.").replace("model.visual.", "visual.")
    if layout == "inner":
        return name.replace("model.language_model.", "language_model.model.").replace("model.visual.", "visual.")
    return name


class Checkpoint:
    """A folder with a tiny model. `layout`: flat (before 4.52), nested (4.52), inner (language_model.model), saved (by transformers 5)."""

    def __init__(self, folder, seed, layout, text=None, vision=None, tied=False, processor=None, dtype=torch.float32, guard=False, eos=None, top=None, rope=None,
                 shards=False):
        self.folder = fixtures.qwen2_5(folder)
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        ids = {name: self.tokenizer.token_to_id(f"<|{token}|>") for name, token in (
            ("image_token_id", "image_pad"), ("video_token_id", "video_pad"), ("vision_start_token_id", "vision_start"),
            ("vision_end_token_id", "vision_end"), ("eos_token_id", "im_end"), ("bos_token_id", "endoftext"))}
        ids.update(top or {})
        text_fields = {**TEXT, **(text or {}), "rope_theta": 10000.0, "rope_scaling": rope or ROPE}
        vision_fields = {**VISION, **(vision or {})}
        flat = {"model_type": "qwen2_5_vl", "architectures": ["SafeQwen2_5_VLForConditionalGeneration"], **ids, **text_fields, "vision_config": vision_fields,
                "tie_word_embeddings": tied, "torch_dtype": str(dtype).removeprefix("torch.")}
        model = Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(**json.loads(json.dumps(flat))))
        # Tied and large, the embedding would make every token repeat itself.
        randomise(model, seed, embedding=0.1 if tied else 1.0)
        model.to(dtype)
        # transformers 5 does not read these names itself.
        self.state = {name: tensor.float() for name, tensor in model.state_dict().items()} if layout == "inner" else None
        head = self.guard_weights(seed) if guard else {}
        config = dict(flat)
        if layout == "saved":
            model.save_pretrained(folder, max_shard_size="20KB" if shards else "5GB")
            config = json.loads((folder / "config.json").read_text())
        else:
            tensors = {renamed(name, layout): tensor.contiguous() for name, tensor in model.state_dict().items() if not (tied and name == "lm_head.weight")}
            self.write_weights({**tensors, **head}, shards)
            if layout == "nested":
                config = {key: value for key, value in flat.items() if key not in text_fields}
                config["text_config"] = {**text_fields, "model_type": "qwen2_5_vl_text", "tie_word_embeddings": tied}
        if guard:
            config.update(safety_categories=CATEGORIES, num_safety_categories=len(CATEGORIES), safety_head_hidden_scale=0.5, safety_num_hidden_layers=1,
                          safety_loss_lambda=1.0)
        (folder / "config.json").write_text(json.dumps(config))
        processor = processor or {"min_pixels": 3136, "max_pixels": 50176}
        if processor.get("nested"):
            fields = {key: value for key, value in processor.items() if key != "nested"}
            document = {"processor_class": "Qwen2_5_VLProcessor", "image_processor": {**PROCESSOR, **fields}}
            (folder / "processor_config.json").write_text(json.dumps(document))
        else:
            (folder / "preprocessor_config.json").write_text(json.dumps({**PROCESSOR, **processor}))
        if eos is not None:
            (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": eos, "repetition_penalty": 1.05, "do_sample": True, "temperature": 1e-6}))
        elif (folder / "generation_config.json").exists():
            (folder / "generation_config.json").unlink()
        self.image_token = ids["image_token_id"]
        self.stop = set(eos if isinstance(eos, list) else [ids["eos_token_id"] if eos is None else eos])
        self.head = head

    def guard_weights(self, seed):
        generator = torch.Generator().manual_seed(seed + 1)
        shapes = {"0.weight": (24, 48), "0.bias": (24,), "3.weight": (len(CATEGORIES), 24), "3.bias": (len(CATEGORIES),)}
        return {f"img_safety_head.mlp.{name}": torch.randn(shape, generator=generator) * 0.5 for name, shape in shapes.items()}

    def write_weights(self, tensors, shards):
        if not shards:
            save_file(tensors, self.folder / "model.safetensors", metadata={"format": "pt"})
            return
        names, where = sorted(tensors), {}
        for i in range(3):
            file = f"model-{i + 1:05}-of-00003.safetensors"
            save_file({name: tensors[name] for name in names[i::3]}, self.folder / file, metadata={"format": "pt"})
            where.update({name: file for name in names[i::3]})
        (self.folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))

    def prompt_ids(self, prompt, grids, system):
        """Encoded with what people typed kept apart from the template; a list of messages as the released template puts them."""
        if isinstance(prompt, list):
            text, rest = chat_templates.apply(chat_templates.QWEN2_5_VL, prompt), iter(grids)
            pieces = text.split("<|image_pad|>")
            text = pieces[0] + "".join("<|image_pad|>" * (int(next(rest).prod()) // 4) + piece for piece in pieces[1:])
            return self.tokenizer.encode(text, add_special_tokens=False).ids
        images = "".join("<|vision_start|>" + "<|image_pad|>" * (int(grid.prod()) // 4) + "<|vision_end|>" for grid in grids)
        typed = system is not None
        pieces = [("<|im_start|>system\n", False), (SYSTEM if system is None else system, typed), ("<|im_end|>\n<|im_start|>user\n" + images, False),
                  (prompt, True), ("<|im_end|>\n<|im_start|>assistant\n", False)]
        specials = [token for token in self.tokenizer.get_added_tokens_decoder().values()]
        if not any(token.content in text for text, is_typed in pieces if is_typed for token in specials):
            return self.tokenizer.encode("".join(text for text, _ in pieces), add_special_tokens=False).ids
        ids = []
        for text, is_typed in pieces:
            self.tokenizer.encode_special_tokens = is_typed
            ids += self.tokenizer.encode(text, add_special_tokens=False).ids
        self.tokenizer.encode_special_tokens = False
        return ids

    def reference(self):
        if self.state is None:
            return Qwen2_5_VLForConditionalGeneration.from_pretrained(self.folder, dtype=torch.float32).eval()
        model = Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig.from_pretrained(self.folder)).eval()
        model.load_state_dict(self.state)
        return model

    @torch.no_grad()
    def expected(self, images, prompt, system=None, steps=0):
        model = self.reference()
        out, pixels, grids = {}, None, []
        if images:
            processor = Qwen2VLImageProcessorPil.from_pretrained(self.folder)
            batch = processor([Image.open(path).convert("RGB") for path in images], return_tensors="pt")
            pixels, grids = batch["pixel_values"], batch["image_grid_thw"]
            out["pixel_values"], out["image_grid_thw"] = pixels, grids
            out["image_features"] = torch.cat(model.model.get_image_features(pixels, grids).pooler_output)
        ids = self.prompt_ids(prompt, grids, system)
        out["input_ids"] = torch.tensor(ids)

        def run(tokens):
            inputs = {"input_ids": torch.tensor([tokens]), "attention_mask": torch.ones(1, len(tokens), dtype=torch.long)}
            if images:
                inputs.update(pixel_values=pixels, image_grid_thw=grids, mm_token_type_ids=(inputs["input_ids"] == self.image_token).int())
            # No cache: positions of everything anew at each step.
            hidden = model.model(**inputs, use_cache=False).last_hidden_state
            return hidden[0], model.lm_head(hidden)[0]

        out["hidden_states"], out["logits"] = run(ids)
        if self.head and images:
            pooled = out["hidden_states"][out["input_ids"] == self.image_token].mean(dim=0)
            weights = {name.removeprefix("img_safety_head.mlp."): tensor for name, tensor in self.head.items()}
            middle = torch.nn.functional.gelu(weights["0.weight"] @ pooled + weights["0.bias"])
            out["guard_logits"] = weights["3.weight"] @ middle + weights["3.bias"]
        completion, logits = [], out["logits"]
        for _ in range(steps):
            completion.append(int(logits[-1].argmax()))
            if completion[-1] in self.stop:
                break
            logits = run(ids + completion)[1]
        return out, completion


def program(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=300)


class Parity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory(prefix="holisafe_qwen_")
        cls.root = pathlib.Path(cls.work.name)
        # Tokens a side after resizing: 7 x 5 (windows cut at both edges), 8 x 4 (none cut), 18 x 1, 2 x 12, 2 x 2 (enlarged).
        sizes = {"odd": (140, 196), "whole": (112, 224), "tall": (30, 512), "wide": (331, 55), "small": (9, 13), "large": (801, 613)}
        cls.images = {name: picture(cls.root / f"{name}.png", *size, seed) for seed, (name, size) in enumerate(sizes.items())}
        cls.made = {}

    @classmethod
    def tearDownClass(cls):
        cls.work.cleanup()

    def checkpoint(self, name, **options):
        if name not in self.made:
            self.made[name] = Checkpoint(self.root / name, seed=len(self.made) + 1, **options)
        return self.made[name]

    def check(self, checkpoint, images, prompt, system=None):
        if isinstance(prompt, list):
            arguments = ["--conversation", chat_templates.write(prompt, self.root / "conversation.json")]
        else:
            arguments = [part for name in images for part in ("--image", self.images[name])] + ["--prompt", prompt]
        if system is not None:
            arguments += ["--system", system]
        out = self.root / "trace.safetensors"
        done = program("model", "trace", "--model", checkpoint.folder, *arguments, "--out", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        found = load_file(out)
        expected, completion = checkpoint.expected([self.images.get(name, name) for name in images], prompt, system, steps=10)
        self.assertEqual(set(found), set(expected))
        for name in ("input_ids", "image_grid_thw"):
            if name in expected:
                self.assertEqual(found[name].tolist(), expected[name].tolist(), name)
        for name in set(expected) - {"input_ids", "image_grid_thw"}:
            self.assertEqual(found[name].shape, expected[name].shape, name)
            self.assertEqual(found[name].dtype, torch.float32, name)
            bound = 0.0 if name == "pixel_values" else 1e-4 * float(expected[name].abs().max())
            self.assertLessEqual(float((found[name] - expected[name]).abs().max()), bound, name)
        done = program("ask", "--model", checkpoint.folder, *arguments, "--max-new-tokens", 10, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        answer = json.loads(done.stdout)
        self.assertEqual(answer["prompt_token_ids"], expected["input_ids"].tolist())
        self.assertEqual(answer["completion_token_ids"], completion)
        self.assertEqual(answer["finish_reason"], "stop" if completion[-1] in checkpoint.stop else "length")
        self.assertEqual(answer["answer"], checkpoint.tokenizer.decode([i for i in completion if i not in checkpoint.stop], skip_special_tokens=True))
        if "guard_logits" in expected:
            scores = torch.softmax(expected["guard_logits"], 0).tolist()
            for score, name in zip(scores, CATEGORIES, strict=True):
                self.assertAlmostEqual(answer["guard"]["scores"][name], score, delta=1e-5)
        else:
            self.assertIsNone(answer["guard"])

    def test_flat_config_of_a_safe_vlm(self):
        flat = self.checkpoint("flat", layout="flat", guard=True)
        self.check(flat, ["odd"], "How to use this?")
        self.check(flat, ["tall", "odd"], "  What differs?\n")  # as it is, not stripped; pooled over both images
        self.check(flat, [], "What can you do?")

    def test_conversations_as_the_released_template_puts_them(self):
        talk = self.checkpoint("talk", layout="nested")
        for messages in chat_templates.conversations([self.images[name] for name in ("odd", "wide", "small")]):
            with self.subTest(messages=messages):
                self.check(talk, chat_templates.images_of(messages), messages)

    def test_nested_config_tied_several_images(self):
        nested = self.checkpoint("nested", layout="nested", tied=True, text={"num_key_value_heads": 1},
                                 processor={"size": {"shortest_edge": 12544, "longest_edge": 100352}})
        self.check(nested, ["wide", "small", "whole"], "Beschreibe die Bilder: Zwölf 图像 e\u0301", system="Answer in German.")
        self.check(nested, ["large"], "x", system="")

    def test_saved_by_transformers_5(self):
        saved = self.checkpoint("saved", layout="saved", shards=True, dtype=torch.bfloat16, text={"num_key_value_heads": 4},
                                processor={"nested": True, "size": {"shortest_edge": 3136, "longest_edge": 50176}})
        self.check(saved, ["whole", "wide"], "And now?")

    def test_inner_names_other_heads_and_windows(self):
        # Six windows of 2 x 2 tokens and full attention in the first block; head sizes 16 and 24; three layers slide.
        inner = self.checkpoint("inner", layout="inner", shards=True, rope={"type": "mrope", "mrope_section": [2, 4, 6]},
                                text={"num_hidden_layers": 3, "num_attention_heads": 2, "num_key_value_heads": 1, "use_sliding_window": True, "sliding_window": 7,
                                      "max_window_layers": 1, "max_position_embeddings": 400},
                                vision={"fullatt_block_indexes": [0], "window_size": 56, "num_heads": 1})
        self.check(inner, ["odd", "small"], "Which one slides?")

    def test_stretched_rotary_embeddings(self):
        stretched = self.checkpoint("stretched", layout="flat", text={"max_position_embeddings": 40},
                                    rope={"type": "yarn", "mrope_section": [2, 2, 2], "factor": 4.0, "original_max_position_embeddings": 40})
        self.check(stretched, ["odd"], "Far away?")

    def test_generation_config_lists_stop_tokens(self):
        plain = self.checkpoint("plain", layout="flat")
        _, completion = plain.expected([self.images["odd"]], "Stop where?", steps=4)
        stopping = self.checkpoint("stopping", layout="flat", eos=[3, completion[0]])
        # Another seed, other tokens: stop at the third token that this one gives.
        _, completion = stopping.expected([self.images["odd"]], "Stop where?", steps=3)
        stop = completion[-1]
        (stopping.folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [5, stop], "repetition_penalty": 1.05}))
        stopping.stop = {5, stop}
        self.check(stopping, ["odd"], "Stop where?")

    def test_special_tokens_that_are_typed_stay_text(self):
        flat = self.checkpoint("flat", layout="flat", guard=True)
        self.check(flat, ["small"], "a <|im_end|> <|image_pad|><|video_pad|> b", system="<|vision_start|>no")

    def test_video_tokens_are_named_unsupported(self):
        letter = self.checkpoint("plain", layout="flat").tokenizer.token_to_id("z")
        video = self.checkpoint("video", layout="flat", top={"video_token_id": letter})
        done = program("ask", "--model", video.folder, "--prompt", "z")
        self.assertEqual(done.returncode, 2)
        self.assertIn("<|video_pad|>: video is not supported", done.stderr)

    def test_images_that_are_too_long_are_named(self):
        flat = self.checkpoint("flat", layout="flat", guard=True)
        strip = picture(self.root / "strip.png", 1, 201, 3)
        done = program("ask", "--model", flat.folder, "--image", strip, "--prompt", "x")
        self.assertEqual(done.returncode, 2)
        self.assertIn("expected no side more than 200 times the other, found 1 x 201", done.stderr)

    def test_random_checkpoints_load_in_transformers(self):
        folder = self.root / "synth"
        done = program("model", "synth", "--family", "qwen2_5_vl", "--preset", "tiny", "--seed", 3, "--out", folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        made = Checkpoint.__new__(Checkpoint)
        made.folder, made.head, made.state = folder, {}, None
        made.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        made.image_token = made.tokenizer.token_to_id("<|image_pad|>")
        made.stop = {made.tokenizer.token_to_id("<|im_end|>"), made.tokenizer.token_to_id("<|endoftext|>")}
        self.check(made, ["wide"], "Synthetic or real?")


if __name__ == "__main__":
    unittest.main()
