"""Verdicts, traces, adapters and merged checkpoints of every family against PyTorch, transformers and PEFT; guards that do not fit."""

import json
import os
import shutil
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.environ["HOLISAFE_SOURCE_DIR"], "tools", "fixtures"))
from engine_checkpoints import CLASSES, Checkpoints, holisafe  # noqa: E402


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
