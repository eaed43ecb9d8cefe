"""LLaVA-1.5 against transformers, stage by stage, on tiny random checkpoints in every layout; tokenizer and pictures against their own libraries."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
import numpy as np
import sentencepiece
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoProcessor, CLIPVisionModel, LlavaForConditionalGeneration

PROGRAM = os.environ["HOLISAFE_BIN"]
SOURCE = pathlib.Path(os.environ["HOLISAFE_SOURCE_DIR"])
sys.path.insert(0, str(SOURCE / "tools/fixtures"))
import chat_templates  # noqa: E402
import llava as fixtures  # noqa: E402
import settled_torch  # noqa: E402, F401

VICUNA = ("A chat between a curious user and an artificial intelligence assistant. "
          "The assistant gives helpful, detailed, and polite answers to the user's questions.")
LLAVA = VICUNA.replace("curious user", "curious human").replace("user's", "human's")
SIZES = [(97, 61), (50, 133), (56, 56), (57, 56), (200, 3), (1, 40), (31, 300)]
ANSWER = 8


class Parity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        warnings.simplefilter("ignore")
        cls.work = tempfile.TemporaryDirectory(prefix="holisafe_llava_")
        cls.root = pathlib.Path(cls.work.name)
        rng = np.random.default_rng(5)
        cls.images = []
        for i, (width, height) in enumerate(SIZES):
            # Smooth colours with noise, so that resampling has something to interpolate.
            base = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
            picture = np.asarray(Image.fromarray(base).resize((width, height), Image.Resampling.BICUBIC)).astype(int) + rng.integers(-20, 21, (height, width, 3))
            cls.images.append(cls.root / f"image{i}.png")
            Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(cls.images[i])
        cls.tokenizers = {}

    @classmethod
    def tearDownClass(cls):
        cls.work.cleanup()

    # ---- our side

    def run_program(self, *arguments, fails=False):
        done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 2 if fails else 0, done.stderr)
        return done

    def asked(self, prompt, images):
        """A prompt behind its images, or a list of messages."""
        if isinstance(prompt, list):
            return ["--conversation", chat_templates.write(prompt, self.root / "conversation.json")]
        return [argument for image in images for argument in ("--image", image)] + ["--prompt", prompt]

    def trace(self, model, prompt, images, *flags):
        out = self.root / "trace.safetensors"
        self.run_program("model", "trace", "--model", model, *self.asked(prompt, images), "--out", out, *flags)
        return load_file(out)

    def answer(self, model, prompt, images, *flags):
        done = self.run_program("ask", "--model", model, *self.asked(prompt, images), "--max-new-tokens", ANSWER, "--json", *flags)
        return json.loads(done.stdout)

    # ---- the reference

    def start(self, name, kind="llama_metaspace", strategy="default", processor=None, **model):
        """A folder with tokenizer and processor, and a model whose weights have yet to be written there."""
        folder = self.root / name
        folder.mkdir()
        vocabulary, image_token = fixtures.write_tokenizer(folder, kind)
        fixtures.write_processor(folder, strategy, **(processor or {}))
        return folder, fixtures.make_model(vocabulary, image_token or 0, vision_feature_select_strategy=strategy, **model)

    def close(self, ours, reference, what, tolerance=1e-4):
        self.assertEqual(ours.shape, reference.shape, what)
        self.assertTrue(torch.isfinite(ours).all(), what)
        largest = reference.abs().max().item()
        self.assertLessEqual((ours - reference).abs().max().item(), tolerance * largest, what)

    def compare(self, folder, model, prompt, images, reference_inputs, flags=()):
        """Every stage, then greedy tokens; `reference_inputs` has input_ids and pixel_values or none."""
        ours = self.trace(folder, prompt, images, *flags)
        ids = reference_inputs["input_ids"][0]
        shown = reference_inputs.get("shown_ids", ids)
        self.assertEqual(ours["input_ids"].tolist(), shown.tolist())
        inputs = {"input_ids": ids[None], "attention_mask": torch.ones_like(ids[None])}
        with torch.no_grad():
            if images:
                pixels = reference_inputs["pixel_values"]
                self.assertEqual(ours["pixel_values"].shape, pixels.shape)
                self.assertLessEqual((ours["pixel_values"] - pixels).abs().max().item(), 1e-6)
                inputs["pixel_values"] = pixels
                features = torch.cat(list(model.model.get_image_features(pixels, return_dict=True).pooler_output))
                self.close(ours["image_features"], features, "image_features")
            else:
                self.assertNotIn("pixel_values", ours)
            out = model(**inputs, output_hidden_states=True)
            self.close(ours["hidden_states"], out.hidden_states[-1][0], "hidden_states")
            self.close(ours["logits"], out.logits[0], "logits")
            generated = model.generate(**inputs, max_new_tokens=ANSWER, do_sample=False, eos_token_id=2, pad_token_id=0)[0][len(ids):]
        answer = self.answer(folder, prompt, images, *flags)
        self.assertEqual(answer["completion_token_ids"], generated.tolist())
        self.assertEqual(answer["prompt_token_ids"], shown.tolist())
        return ours

    def compare_hf(self, folder, model, prompt, images=(), system=None):
        processor = AutoProcessor.from_pretrained(folder)
        text = (f"{system} " if system else "") + "USER: " + "<image>\n" * len(images) + f"{prompt} ASSISTANT:"
        inputs = processor(text=text, images=[Image.open(image).convert("RGB") for image in images] or None, return_tensors="pt")
        return self.compare(folder, model, prompt, images, dict(inputs), ("--system", system) if system else ())

    # ---- conversations

    def test_conversations_as_the_released_template_puts_them(self):
        """Images stand first in their turn, as that template has it; an answer ends with </s>, as in training."""
        folder, model = self.start("talk")
        fixtures.write_hf5(folder, model)
        processor = AutoProcessor.from_pretrained(folder)
        for messages in chat_templates.conversations(self.images):
            text = chat_templates.apply(chat_templates.LLAVA, messages).replace(" USER:", "</s>USER:")
            text = text.replace("Be kind.</s>", "Be kind. ")
            images = chat_templates.images_of(messages)
            inputs = processor(text=text, images=[Image.open(image).convert("RGB") for image in images], return_tensors="pt")
            with self.subTest(text=text):
                self.compare(folder, model, messages, images, dict(inputs))

    def test_conversations_of_the_original_layout(self):
        """Images stand anywhere: what is between two is tokenised on its own; those that open a turn have a new line behind them."""
        folder, model = self.start_original("original_talk")
        one, two = self.images[:2]
        message = chat_templates.message
        for messages, text in (
                ([message("user", "What is ", one, " here?")], "What is <image> here?"),
                ([message("user", "What is it?", one)], "What is it?<image>"),
                ([message("user", one, "and ", two)], "<image>\nand <image>"),
                ([message("user", "a", one, two, "b")], "a<image><image>b")):
            images = chat_templates.images_of(messages)
            with self.subTest(text=text):
                self.compare(folder, model, messages, images, self.original_inputs(folder, model, text, images, whole=True))

    def test_conversations_that_cannot_be_said_name_the_turn(self):
        folder, model = self.start("untold")
        fixtures.write_hf5(folder, model)
        message = chat_templates.message
        for messages, part in (([message("user", "x"), message("assistant", self.images[0])], "turn 2"),
                               ([message("user", "x"), message("user", "y")], "turn 2"), ([message("assistant", "x")], "turn 1"), ([], "no turn"),
                               ([message("user", "x"), message("system", "y")], "message 2"), ([message("user", pathlib.Path("none.png"))], "none.png"),
                               ([{"role": "user", "content": [{"type": "video", "path": "x"}]}], "message 1: type"), ([{"role": "user"}], "message 1: no content")):
            with self.subTest(part=part):
                done = self.run_program("ask", "--model", folder, *self.asked(messages, []), fails=True)
                self.assertRegex(done.stderr, r"^holisafe: error: [^\n]*\n$")
                self.assertIn(part, done.stderr)

    # ---- layouts of transformers

    def test_as_transformers_5_writes_it(self):
        folder, model = self.start("hf5")
        fixtures.write_hf5(folder, model)
        fixtures.resave_processor(folder)
        self.compare_hf(folder, model, "What is shown in this picture?", self.images[:1])
        self.compare_hf(folder, model, "  two spaces, a tab\tand 数据 👍\n", self.images[:4], system="Be kind.")
        self.compare_hf(folder, model, "no picture at all")
        self.compare_hf(folder, model, "", self.images[1:2])

    def test_guard_on_the_last_hidden_state(self):
        folder, model = self.start("guarded")
        fixtures.write_hf5(folder, model, guard=True)
        ours = self.compare_hf(folder, model, "How to use this?", self.images[:2])
        head = fixtures.guard_tensors(model.config.text_config.hidden_size)
        pooled = ours["hidden_states"][ours["input_ids"] == model.config.image_token_index].mean(0)
        middle = torch.nn.functional.gelu(pooled @ head["img_safety_head.mlp.0.weight"].T + head["img_safety_head.mlp.0.bias"])
        logits = middle @ head["img_safety_head.mlp.3.weight"].T + head["img_safety_head.mlp.3.bias"]
        self.assertLessEqual((ours["guard_logits"].softmax(-1) - logits.softmax(-1)).abs().max().item(), 1e-5)

    def test_as_transformers_4_wrote_it_in_shards_of_float16(self):
        folder, model = self.start("hf4", kind="llama")
        fixtures.round_weights(model, torch.float16)
        fixtures.write_hf4(folder, model, torch.float16, shards=3)
        self.compare_hf(folder, model, "What is shown in this picture?", self.images[:2])
        self.compare_hf(folder, model, "Zwölf Boxkämpfer", system="Be  kind.")

    def test_other_prefixes_and_bfloat16(self):
        for name, names in {"nested": {"language": "model.language_model.model.", "tower": "model.vision_tower.vision_model.", "projector": "model.multi_modal_projector.",
                                       "head": "lm_head"},
                            "renamed": {"language": "model.language_model.", "tower": "model.vision_tower.", "head": "lm_head"},
                            "flat": {"language": "model.", "tower": "vision_tower.", "head": "lm_head"}}.items():
            with self.subTest(name):
                folder, model = self.start(name)
                fixtures.round_weights(model, torch.bfloat16)
                fixtures.write_hf4(folder, model, torch.bfloat16, **names)
                self.compare_hf(folder, model, "What is it?", self.images[:1])

    def test_shapes_that_configs_vary(self):
        cases = {
            "every_head_its_own": {"text": {"num_key_value_heads": 6}},
            "one_key_head": {"text": {"num_key_value_heads": 1, "head_dim": 16}},
            "biases": {"text": {"attention_bias": True}, "multimodal_projector_bias": False},
            "layers_and_class_token": {"vision_feature_layer": [-3, 2, -1], "strategy": "full"},
            "tied": {"text": {"tie_word_embeddings": True}, "tie_word_embeddings": True},
            "gelu_tower": {"vision": {"hidden_act": "gelu", "layer_norm_eps": 1e-3}, "projector_hidden_act": "gelu_pytorch_tanh"},
        }
        for name, changes in cases.items():
            with self.subTest(name):
                folder, model = self.start(name, **changes)
                fixtures.write_hf5(folder, model)
                self.compare_hf(folder, model, "What is it?", self.images[:2])

    def test_rotary_kinds(self):
        long = " ".join(["some", "more", "words"] * 40)
        kinds = {
            "theta": {"rope_type": "default", "rope_theta": 500000.0},
            "linear": {"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0},
            "dynamic": {"rope_type": "dynamic", "factor": 8.0, "rope_theta": 10000.0},
            "yarn": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64, "rope_theta": 10000.0},
            "llama3": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64, "rope_theta": 10000.0},
        }
        for name, rope in kinds.items():
            with self.subTest(name):
                positions = 100 if name == "dynamic" else 512
                folder, model = self.start(f"rope_{name}", text={"rope_parameters": rope, "max_position_embeddings": positions, "head_dim": 16})
                (fixtures.write_hf4 if name == "linear" else fixtures.write_hf5)(folder, model)
                if name == "dynamic":
                    # Beyond the trained length the prefill is compared; its cached keys keep their frequencies in both.
                    self.assertGreater(len(self.compare_hf(folder, model, long)["input_ids"]), positions)
                self.compare_hf(folder, model, "What is it?", self.images[:1])

    # ---- pictures

    def test_pictures_of_odd_sizes(self):
        for name, processor in {"crop": {}, "pad": {"image_processor_type": "LlavaImageProcessor", "do_pad": True}, "bilinear": {"resample": 2},
                                "larger": {"size": {"shortest_edge": 70}}, "smaller": {"size": {"shortest_edge": 41}},
                                "plain": {"do_normalize": False, "image_mean": None}, "stretched": {"size": {"height": 56, "width": 56}, "do_center_crop": False}}.items():
            with self.subTest(name):
                folder, model = self.start(f"pictures_{name}", processor={key: value for key, value in processor.items() if value is not None})
                fixtures.write_hf5(folder, model)
                reference = AutoProcessor.from_pretrained(folder)
                for images in (self.images[:4], self.images[4:]):
                    text = "USER: " + "<image>\n" * len(images) + "x ASSISTANT:"
                    inputs = reference(text=text, images=[Image.open(image) for image in images], return_tensors="pt")
                    ours = self.trace(folder, "x", images)
                    self.assertLessEqual((ours["pixel_values"] - inputs["pixel_values"]).abs().max().item(), 1e-6, name)
                    self.assertEqual(ours["input_ids"].tolist(), inputs["input_ids"][0].tolist())

    # ---- the original layout

    def original_inputs(self, folder, model, prompt, images, system=VICUNA, pad=True, pieces=None, whole=False):
        """What the original repository's code makes: text around each image on its own; pictures padded with the mean colour first."""
        encode = pieces or sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model")).encode
        opening = "" if whole else "<image>\n" * len(images)
        chunks = f"{system} USER: {opening}{prompt} ASSISTANT:".split("<image>")
        tokens = (fixtures.IMAGE_SIZE // fixtures.PATCH) ** 2
        shown = [1, *encode(chunks[0])]
        for chunk in chunks[1:]:
            shown += [-200] * tokens + encode(chunk)
        shown = torch.tensor(shown)
        inputs = {"input_ids": torch.where(shown == -200, model.config.image_token_index, shown)[None], "shown_ids": shown}
        pictures = []
        for path in images:
            picture = Image.open(path).convert("RGB")
            if pad and picture.width != picture.height:
                side = max(picture.size)
                square = Image.new("RGB", (side, side), tuple(int(x * 255) for x in fixtures.MEAN))
                square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
                picture = square
            pictures.append(picture)
        if pictures:
            from transformers import AutoImageProcessor
            inputs["pixel_values"] = AutoImageProcessor.from_pretrained(folder)(pictures, return_tensors="pt")["pixel_values"]
        return inputs

    def start_original(self, name, **options):
        folder, model = self.start(name, kind="vicuna_spm")
        # A row that no text reaches serves the reference as its image token.
        model.config.image_token_index = model.config.text_config.vocab_size - 1
        fixtures.round_weights(model, torch.float16)
        fixtures.write_original(folder, model, **options)
        return folder, model

    def test_original_layout(self):
        folder, model = self.start_original("original", guard=True)
        for prompt, images in (("What is it?", self.images[:1]), ("two  of\nthem 👍", self.images[:2]), ("none", [])):
            self.compare(folder, model, prompt, images, self.original_inputs(folder, model, prompt, images))
        one = self.images[:1]
        self.compare(folder, model, "x", one, self.original_inputs(folder, model, "x", one, system="Be kind."), ("--system", "Be kind."))
        self.compare(folder, model, "x", one, self.original_inputs(folder, model, "x", one, system=LLAVA), ("--template", "llava_v1"))
        self.compare(folder, model, "x", one, self.original_inputs(folder, model, "x", one, pad=False), ("--image-aspect", "crop"))

    def test_original_layout_crops_unless_it_says_pad(self):
        folder, model = self.start_original("original_crop", image_aspect_ratio=None)
        one = self.images[:1]
        self.compare(folder, model, "x", one, self.original_inputs(folder, model, "x", one, pad=False))
        self.compare(folder, model, "x", one, self.original_inputs(folder, model, "x", one), ("--image-aspect", "pad"))

    def test_original_layout_with_its_tower_elsewhere(self):
        folder, model = self.start_original("original_without_tower", tower=False, vision_config=False)
        done = self.run_program("model", "trace", "--model", folder, "--prompt", "x", "--out", self.root / "none.safetensors", fails=True)
        self.assertRegex(done.stderr, r"^holisafe: error: [^\n]*--vision-tower[^\n]*\n$")
        self.assertIn("openai/clip-vit-large-patch14-336", done.stderr)
        one = self.images[:1]
        # The tower alone as transformers saves it, and inside a whole CLIP model under its old names.
        alone = self.root / "tower"
        tower = CLIPVisionModel(model.config.vision_config).eval()
        tower.load_state_dict(model.model.vision_tower.state_dict())
        tower.save_pretrained(alone)
        whole = self.root / "clip"
        whole.mkdir()
        state = {f"vision_model.{name}": tensor for name, tensor in tower.state_dict().items()}
        save_file({**state, "logit_scale": torch.ones(1), "text_model.encoder.layers.0.layer_norm1.bias": torch.ones(3), "visual_projection.weight": torch.ones(2, 2)},
                  whole / "model.safetensors")
        (whole / "config.json").write_text(json.dumps({"model_type": "clip", "vision_config": model.config.vision_config.to_dict()}))
        inputs = self.original_inputs(folder, model, "x", one)
        # The released files leave the picture's settings to the CLIP model too.
        (folder / "preprocessor_config.json").unlink()
        for clip in (alone, whole):
            self.compare(folder, model, "x", one, inputs, ("--vision-tower", clip))

    # ---- synth

    def test_synth_is_what_transformers_loads(self):
        folder = self.root / "synth"
        self.run_program("model", "synth", "--family", "llava", "--preset", "tiny", "--seed", 3, "--out", folder, "--guard")
        model = LlavaForConditionalGeneration.from_pretrained(folder).eval()
        self.assertEqual({name for name, _ in model.named_parameters() if not name.startswith("img_safety_head")},
                         {name for name, _ in LlavaForConditionalGeneration(model.config).named_parameters()})
        self.compare_hf(folder, model, "What is it?", self.images[:2], system="Be kind.")
        processor = AutoProcessor.from_pretrained(folder)
        messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What?"}]},
                    {"role": "assistant", "content": [{"type": "text", "text": "A cup."}]}, {"role": "user", "content": "And?"}]
        self.assertEqual(processor.apply_chat_template(messages, add_generation_prompt=True),
                         "Be kind. USER: <image>\nWhat? ASSISTANT: A cup.</s>USER: And? ASSISTANT:")

    def test_synth_of_the_original_layout(self):
        folder = self.root / "synth_original"
        self.run_program("model", "synth", "--family", "llava", "--preset", "tiny-original", "--seed", 3, "--out", folder)
        tokens = self.trace(folder, "What is it?", self.images[:1])
        self.assertEqual((tokens["input_ids"] == -200).sum().item(), 16)


if __name__ == "__main__":
    unittest.main()
