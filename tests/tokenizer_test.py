"""Token ids and decoded text against the tokenizers library and SentencePiece: nasty strings and thousands of random ones."""

import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

import sentencepiece
from tokenizers import Tokenizer

SOURCE = pathlib.Path(os.environ["HOLISAFE_SOURCE_DIR"])
PROGRAM = os.environ["HOLISAFE_TOKENIZE"]
sys.path.insert(0, str(SOURCE / "tools/fixtures"))
import tokenizer as fixtures  # noqa: E402

NASTY = [
    "", " ", "  ", "\n", "\n\n\n", "\t \t", "a", " a", "a ", "  leading and trailing  ", "double  space   triple", "\r\n\r\n", "\x00", "\x01\x1f\x7f",
    "don't I'LL we'Ve they'D it'S", "ſ'ſ 'ſ", "Zwölf Boxkämpfer", "e\u0301 vs é, A\u030a, \u1100\u1161\u11a8", "한국어 텍스트", "日本語テキスト", "العربية", "हिन्दी में",
    "👩‍👩‍👧‍👦👍🏽🏳️‍🌈", "🇩🇪🇫🇷", "𝕌𝕟𝕚𝕔𝕠𝕕𝕖", "\u200b\ufeff\u180e\u00a0\u2028\u2029\u3000\x85", "\ufffd", "a\u0300\u0301\u0302\u0303", "١٢٣ ௧௨ Ⅷ ½ 1234567890",
    "<", "<s", "<s>x", "</s>", "<image", "< image >", "<|im_start|", "<tool_call>{}</tool_call>", "<unused3><unused33>", "▁▁▁ ▁", "[loud] x[loud]", "<plain>  <plain>",
    "x" * 2000, "ab" * 1500, "ü" * 700, "https://example.org/?q=a%20b&c=d#e", "if (x) {\n\treturn y;\n}\n", "....!!!???---", "¿Qué? ¡Sí!", "\u0344 \u212b \u2126 \ufb01",
]
# Every character of Unicode's White_Space, and neighbours that have not this property, around a token that strips it.
BLANK = [*range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]
NOT_BLANK = [0x08, *range(0x1C, 0x20), 0x180E, 0x200B, 0x200C, 0x2027, 0x2060, 0x3001, 0xFEFF]
NASTY += [f"x{chr(c)}{chr(c)}<bare>{chr(c)} {chr(c)}y" for c in BLANK + NOT_BLANK]
SPECIALS = {"llama": ["<s>", "</s>", "<image>", "<pad>"], "llama_metaspace": ["<s>", "</s>", "<image>"],
            "qwen2_5": ["<|im_start|>", "<|im_end|>", "<|image_pad|>"], "gemma3": ["<bos>", "<start_of_turn>", "<end_of_turn>", "<start_of_image>"]}


def random_text(rng):
    alphabets = ["abcdefghij ", "  \n\t\r", "0123456789.,", "äöüéñß", "日本語中文한글", "👍😀🏽‍", "'sdtremvl ", "<>|/_imageunsd[]", "▁ a", "\u0301\u0308e", "АБВгд ", "\x00\x01\u200b\u00a0"]
    return "".join(rng.choice(rng.choice(alphabets)) for _ in range(rng.randint(0, 60)))


class Tokenizers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory(prefix="holisafe_tokenizers_")
        cls.folders = {name: make(pathlib.Path(cls.work.name) / name) for name, make in fixtures.KINDS.items()}

    @classmethod
    def tearDownClass(cls):
        cls.work.cleanup()

    def ours(self, name, inputs):
        lines = "".join(json.dumps({"pieces": pieces}) + "\n" for pieces in inputs)
        done = subprocess.run([PROGRAM, str(self.folders[name])], input=lines, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.split("\n") if line]

    def texts(self, name):
        rng = random.Random(name)
        texts = NASTY + [random_text(rng) for _ in range(3000)]
        return [text for text in texts if not any(special in text for special in SPECIALS.get(name, []))]

    def check(self, name, texts, expected, decoded):
        results = self.ours(name, [[[text, False]] for text in texts])
        for text, result, ids in zip(texts, results, expected, strict=True):
            self.assertEqual(result["ids"], ids, f"{name}: {text!r}")
            self.assertEqual(result["text"], decoded(ids), f"{name}: {text!r}")
            self.assertEqual(result["streamed"], result["text"], f"{name}: {text!r}")

    def test_text_against_the_tokenizers_library(self):
        for name in SPECIALS:
            with self.subTest(name):
                reference = Tokenizer.from_file(str(self.folders[name] / "tokenizer.json"))
                texts = self.texts(name)
                self.check(name, texts, [reference.encode(text, add_special_tokens=False).ids for text in texts],
                           lambda ids: reference.decode(ids, skip_special_tokens=False))

    def test_text_against_sentencepiece(self):
        reference = sentencepiece.SentencePieceProcessor(model_file=str(self.folders["vicuna_spm"] / "tokenizer.model"))
        texts = [text for text in self.texts("vicuna_spm") if "\x00" not in text]
        results = self.ours("vicuna_spm", [[[text, False]] for text in texts])
        for text, result in zip(texts, results, strict=True):
            self.assertEqual(result["ids"], reference.encode(text), repr(text))
            self.assertEqual(result["streamed"], result["text"], repr(text))
            self.assertEqual(result["text"], reference.decode(result["ids"]), repr(text))

    def sentencepiece_model(self, name, model_type="unigram", **options):
        folder = self.folders[name] = pathlib.Path(self.work.name) / name
        folder.mkdir()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(fixtures.TEXT * 20), model_prefix=str(folder / "tokenizer"), vocab_size=600, model_type=model_type, byte_fallback=True,
            unk_id=0, bos_id=1, eos_id=2, pad_id=-1, hard_vocab_limit=False, minloglevel=2, **options)
        return sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))

    def test_character_maps_against_sentencepiece(self):
        for rule in ("nmt_nfkc", "nmt_nfkc_cf", "nfkc"):
            with self.subTest(rule):
                reference = self.sentencepiece_model(rule, "bpe", normalization_rule_name=rule)
                texts = [text for text in self.texts("vicuna_spm") if "\x00" not in text] + ["\ufdfa" * 1000]  # 3 bytes that become 33
                for text, result in zip(texts, self.ours(rule, [[[text, False]] for text in texts]), strict=True):
                    self.assertEqual(result["ids"], reference.encode(text), repr(text))

    def test_a_piece_that_makes_encoding_slow_is_an_error(self):
        def field(number, content):
            size, head = len(content), bytes([number << 3 | 2])
            while size >= 0x80:
                head, size = head + bytes([size & 0x7F | 0x80]), size >> 7
            return head + bytes([size]) + content

        for length, code in ((1024, 0), (1025, 2), (40000, 2)):
            self.sentencepiece_model(f"long{length}")
            model = self.folders[f"long{length}"] / "tokenizer.model"
            piece = field(1, b"a" * (length - 1) + b"b") + bytes([2 << 3 | 5]) + bytes(4)
            model.write_bytes(model.read_bytes() + field(1, piece))
            done = subprocess.run([PROGRAM, str(model.parent)], input=json.dumps({"pieces": [["a" * 20000, False]]}) + "\n",
                                  capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertEqual(f"expected at most 1024 bytes, found {length}" in done.stderr, code == 2)

    def test_a_character_map_that_multiplies_text_is_an_error(self):
        rules = pathlib.Path(self.work.name) / "rules.tsv"
        rules.write_text("61\t" + " ".join(["78"] * 5000) + "\n62\t78 79\n")
        reference = self.sentencepiece_model("multiplies", normalization_rule_tsv=str(rules))
        result, = self.ours("multiplies", [[["ab b", False]]])
        self.assertEqual(result["ids"], reference.encode("ab b"))
        line = json.dumps({"pieces": [["a" * 100, False]]}) + "\n"  # half a megabyte; 65 KB may become of it
        done = subprocess.run([PROGRAM, str(self.folders["multiplies"])], input=line, capture_output=True, text=True, timeout=120)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr, "tokenizer.*character map.*at most 67136 bytes")

    def test_templates_against_the_tokenizers_library(self):
        for name, specials in SPECIALS.items():
            with self.subTest(name):
                reference = Tokenizer.from_file(str(self.folders[name] / "tokenizer.json"))
                rng = random.Random(3)
                inputs = []
                for _ in range(800):
                    text = random_text(rng)
                    if any(special in text for special in specials):
                        continue
                    inputs.append([[f"{specials[0]}USER: {specials[-1]}\n", True], [text, False], [f" ASSISTANT:{specials[1]}\n", True]])
                for pieces, result in zip(inputs, self.ours(name, inputs), strict=True):
                    whole = "".join(text for text, _ in pieces)
                    self.assertEqual(result["ids"], reference.encode(whole, add_special_tokens=False).ids, repr(pieces))

    def test_typed_special_tokens_stay_text(self):
        for name, specials in SPECIALS.items():
            reference = Tokenizer.from_file(str(self.folders[name] / "tokenizer.json"))
            ids = {reference.token_to_id(special) for special in specials}
            for special in specials:
                result = self.ours(name, [[["x ", True], [f"a{special}b", False]], [[special[:2], True], [special[2:], False]], [["x ", True], [special, True]]])
                self.assertFalse(ids & set(result[0]["ids"]), (name, special))
                self.assertTrue(result[0]["text"].endswith(f"a{special}b"), (name, result[0]["text"]))
                self.assertFalse(ids & set(result[1]["ids"]), (name, special))
                self.assertEqual(result[2]["ids"][-1], reference.token_to_id(special))

    def test_offsets_cover_the_text(self):
        for name in SPECIALS:
            for text in ("USER: hello wörld 👍", "a  b\n\nc"):
                result = self.ours(name, [[[text, False]]])[0]
                covered = set()
                for begin, end in result["offsets"]:
                    covered.update(range(begin, end))
                self.assertEqual(covered, set(range(len(text.encode()))), (name, text))

    def test_a_megabyte_without_a_space_is_linear(self):
        for name in fixtures.KINDS:
            text = "abcdefghij" * 100_000
            # Quadratic time would outlast the program's time-out.
            self.assertTrue(self.ours(name, [[[text, False]]])[0]["ids"], name)


if __name__ == "__main__":
    unittest.main()
