"""One training step as PyTorch + transformers + PEFT make it: what `holisafe train` is compared with.

Samples are in LLaVA's conversation format; the model is a llava-hf, Qwen2.5-VL or Gemma 3 checkpoint in float32.
"""
import json
import math
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from PIL import Image
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

CLASSES = 20
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
TARGET_PATTERN = r".*language_model.*\.(" + "|".join(TARGETS) + ")"


class Guard(torch.nn.Module):
    def __init__(self, hidden_size):
        super().__init__()
        half = hidden_size // 2
        self.mlp = torch.nn.Sequential(
            torch.nn.Linear(hidden_size, half), torch.nn.GELU(), torch.nn.Dropout(0.0), torch.nn.Linear(half, CLASSES))

    def forward(self, pooled):
        return self.mlp(pooled)


def write_guard(path, hidden_size, model_type, pooling, seed=0):
    """A plug-in guard with random weights."""
    torch.manual_seed(seed)
    guard = Guard(hidden_size)
    names = ["safe", "gender", "race", "religion", "harassment", "disability_discrimination", "drug_related_hazards",
             "property_crime", "facial_data_exposure", "identity_data_exposure", "physical_self_injury", "suicide",
             "animal_abuse", "obscene_gestures", "physical_altercation", "terrorism", "weapon_related_violence",
             "sexual_content", "financial_advice", "medical_advice"]
    save_file({k: v.contiguous() for k, v in guard.state_dict().items()}, path, metadata={
        "format": "holisafe-guard/1", "categories": json.dumps(names), "hidden_size": str(hidden_size), "pooling": pooling,
        "model_type": model_type})
    return guard


def text_hidden_size(model_dir):
    config = AutoConfig.from_pretrained(model_dir)
    return config.get_text_config().hidden_size


class Family:
    """How a family's processor and template read a sample."""
    image_token = ""
    special_tokens = False  # whether the tokenizer adds its own

    def __init__(self, folder):
        self.tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
        self.image_token_id = self.tokenizer.token_to_id(self.image_token)
        self.processor = self.image_processor(Path(folder))

    def image_inputs(self, images):
        made = self.processor(images=images, return_tensors="pt")
        return {name: made[name] for name in ("pixel_values", "image_grid_thw") if name in made}

    def encode(self, sample, image_tokens):
        """Token ids of a sample whose images have so many tokens each, and which of them are supervised."""
        text, answers = "", []
        for piece, is_answer in self.pieces(sample["conversations"], image_tokens):
            if is_answer:
                answers.append((len(text), len(text) + len(piece)))
            text += piece
        encoded = self.tokenizer.encode(text, add_special_tokens=self.special_tokens)
        return encoded.ids, [begin < end and any(b <= begin and end <= e for b, e in answers) for begin, end in encoded.offsets]

    @staticmethod
    def question(turn):
        return turn["value"].replace("<image>", "").strip()

    def extra_inputs(self, ids):
        return {}


class Llava(Family):
    """`<s>USER: <image>\\n{q} ASSISTANT: {a}</s>USER: …`; supervised: each answer with its blank, and its </s>."""
    image_token, special_tokens = "<image>", True

    def image_processor(self, folder):
        return AutoProcessor.from_pretrained(folder).image_processor

    def pieces(self, turns, image_tokens):
        for index, turn in enumerate(turns):
            if turn["from"] == "human":
                yield "USER: " + "".join("<image>" * count + "\n" for count in image_tokens if index == 0) + self.question(turn) + " ASSISTANT:", False
            else:
                yield " " + turn["value"] + "</s>", True


class Qwen(Family):
    """ChatML with its default system text; supervised: each answer and its <|im_end|>."""
    image_token = "<|image_pad|>"

    def image_processor(self, folder):
        return Qwen2VLImageProcessorPil.from_pretrained(folder)

    def pieces(self, turns, image_tokens):
        yield "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n", False
        for index, turn in enumerate(turns):
            if turn["from"] == "human":
                images = "".join("<|vision_start|>" + "<|image_pad|>" * count + "<|vision_end|>" for count in image_tokens if index == 0)
                yield "<|im_start|>user\n" + images + self.question(turn) + "<|im_end|>\n<|im_start|>assistant\n", False
            else:
                yield turn["value"] + "<|im_end|>", True
                yield "\n", False

    def extra_inputs(self, ids):
        return {"mm_token_type_ids": (ids == self.image_token_id).int()}


class Gemma3(Family):
    """`<start_of_turn>role\\n…<end_of_turn>\\n`, texts stripped; supervised: each answer and its <end_of_turn>."""
    image_token = "<image_soft_token>"

    def image_processor(self, folder):
        return Gemma3ImageProcessorPil(**json.loads((folder / "preprocessor_config.json").read_text()))

    def pieces(self, turns, image_tokens):
        yield "<bos>", False
        for index, turn in enumerate(turns):
            if turn["from"] == "human":
                images = "".join("\n\n<start_of_image>" + "<image_soft_token>" * count + "<end_of_image>\n\n" for count in image_tokens if index == 0)
                yield "<start_of_turn>user\n" + images + self.question(turn) + "<end_of_turn>\n<start_of_turn>model\n", False
            else:
                yield turn["value"].strip() + "<end_of_turn>", True
                yield "\n", False

    def extra_inputs(self, ids):
        return {"token_type_ids": (ids == self.image_token_id).long()}


FAMILIES = {"llava": Llava, "qwen2_5_vl": Qwen, "gemma3": Gemma3}


def family_of(model_dir):
    return FAMILIES[AutoConfig.from_pretrained(model_dir).model_type](model_dir)


class Reference:
    """A model with adapter and guard, its optimizer and schedule."""

    def __init__(self, model_dir, *, rates, steps, adapter=None, guard=None, rank=4, alpha=8.0, full=False, freeze=(),
                 schedule="cosine", warmup_ratio=0.0, weight_decay=0.0, max_grad_norm=1.0, guard_lambda=1.0,
                 guard_detach=False, pooling="last_hidden"):
        self.family = family_of(model_dir)
        self.base = AutoModelForImageTextToText.from_pretrained(model_dir, dtype=torch.float32, attn_implementation="eager")
        self.pooling, self.guard_lambda, self.guard_detach = pooling, guard_lambda, guard_detach
        self.max_grad_norm = max_grad_norm
        hidden_size = self.base.config.get_text_config().hidden_size
        self.guard = Guard(hidden_size)
        if guard is not None:
            self.guard.load_state_dict(load_file(guard))
        for parameter in self.base.parameters():
            parameter.requires_grad_(full)
        self.model = self.base
        if not full and "language" not in freeze:
            config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=0.0, target_modules=TARGET_PATTERN, bias="none")
            self.model = get_peft_model(self.base, config)
            if adapter is not None:
                from peft.utils import set_peft_model_state_dict
                set_peft_model_state_dict(self.model, load_file(str(Path(adapter) / "adapter_model.safetensors")))
        groups = {"lora": [], "projector": [], "vision": [], "guard": list(self.guard.parameters())}
        for name, parameter in self.base.named_parameters():
            part = ("vision" if "vision" in name or ".visual." in name and "merger" not in name else
                    "projector" if "projector" in name or "merger" in name else "lora")
            if part != "lora":
                parameter.requires_grad_(part not in freeze)
            if parameter.requires_grad:
                groups[part].append(parameter)
        self.parameters = [p for group in groups.values() for p in group]
        self.optimizer = torch.optim.AdamW(
            [{"params": [p for p in groups[name] if (p.dim() >= 2) == decays], "lr": rates[name],
              "weight_decay": weight_decay if decays else 0.0}
             for name in groups for decays in (True, False)], betas=(0.9, 0.999), eps=1e-8)
        warmup = math.ceil(warmup_ratio * steps)

        def factor(n):
            if n < warmup:
                return n / warmup
            if schedule == "constant":
                return 1.0
            return 0.5 * (1 + math.cos(math.pi * (n - warmup) / (steps - warmup)))

        self.scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, factor)

    def sample_losses(self, sample, images_dir):
        """Sum of token losses, number of tokens, guard logits or None of one sample."""
        paths = sample.get("image") or []
        paths = [paths] if isinstance(paths, str) else paths
        images = [Image.open(Path(images_dir) / p).convert("RGB") for p in paths]
        inputs = self.family.image_inputs(images) if images else {}
        with torch.no_grad():
            counts = [len(features) for features in self.features(inputs)] if images else []
        ids, mask = self.family.encode(sample, counts)
        ids = torch.tensor([ids])
        mask = torch.tensor(mask)
        inputs.update(self.family.extra_inputs(ids))
        output = self.model(input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True, use_cache=False, **inputs)
        losses = torch.nn.functional.cross_entropy(output.logits[0, :-1].float(), ids[0, 1:], reduction="none")
        lm = losses[mask[1:]].sum()
        verdict = None
        if images:
            if self.pooling == "projector":
                features = self.features(inputs)
                pooled = torch.stack([f.mean(0) for f in features]).mean(0)
            else:
                hidden = output.hidden_states[-1][0]
                pooled = hidden[ids[0] == self.family.image_token_id].mean(0)
            verdict = self.guard(pooled.detach() if self.guard_detach else pooled)
        return lm, int(mask[1:].sum()), verdict

    def features(self, inputs):
        """The projector's output of each image, [tokens, hidden size]."""
        images = {name: inputs[name] for name in ("pixel_values", "image_grid_thw") if name in inputs}
        return list(self.base.model.get_image_features(**images, return_dict=True).pooler_output)

    def step(self, samples, images_dir):
        """One optimizer step over all `samples`; gives the metrics."""
        self.optimizer.zero_grad(set_to_none=True)
        parts = [(*self.sample_losses(sample, images_dir), sample.get("image_safety_label", -100)) for sample in samples]
        tokens = sum(part[1] for part in parts)
        lm_loss = sum(part[0] for part in parts) / tokens
        labelled = [(verdict, label) for _, _, verdict, label in parts if verdict is not None and label >= 0]
        guard_loss = torch.zeros(())
        accuracy = None
        if labelled:
            logits = torch.stack([v for v, _ in labelled])
            labels = torch.tensor([l for _, l in labelled])
            guard_loss = torch.nn.functional.cross_entropy(logits, labels)
            accuracy = (logits.argmax(1) == labels).float().mean().item()
        loss = lm_loss + self.guard_lambda * guard_loss
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.max_grad_norm)
        lr = self.optimizer.param_groups[0]["lr"]
        self.optimizer.step()
        self.scheduler.step()
        return {"loss": loss.item(), "lm_loss": lm_loss.item(), "guard_loss": guard_loss.item(), "guard_accuracy": accuracy,
                "grad_norm": norm.item(), "lr": lr}
