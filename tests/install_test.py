"""An installed copy: program, man page, completions, CMake package, pkg-config files and examples work without the build folder."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["HOLISAFE_SOURCE_DIR"])
BUILD = pathlib.Path(os.environ["HOLISAFE_BIN"]).parent
TORCH = (BUILD / "holisafe_torch.so").exists()
HIDDEN_TORCH = "/mnt/torch"
with_torch = unittest.skipUnless(TORCH, "a build without LibTorch")


def torch_folder():
    """Where the build's LibTorch lies."""
    package = (BUILD / "holisafe-torch.pc").read_text()
    return next(line.removeprefix("torch=") for line in package.splitlines() if line.startswith("torch="))



def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="holisafe_install_"))
        cls.prefix = cls.folder / "prefix"
        run("/usr/bin/cmake", "--install", BUILD, "--prefix", cls.prefix)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def test_program_with_man_page_and_completions(self):
        self.assertIn("holisafe 0.", run(self.prefix / "bin/holisafe", "--version"))
        self.assertIn(".TH HOLISAFE 1", (self.prefix / "share/man/man1/holisafe.1").read_text())
        completions = self.prefix / "share/bash-completion/completions/holisafe"
        words = run("bash", "-c", f'source {completions}; COMP_WORDS=(holisafe comp); COMP_CWORD=1; _holisafe; echo "${{COMPREPLY[@]}}"')
        self.assertEqual(words.strip(), "completion")

    def completed(self, *words):
        """What bash offers for the last of these words."""
        script = 'source "$1"; shift; COMP_WORDS=(holisafe "$@"); COMP_CWORD=$#; _holisafe; printf "%s\\n" "${COMPREPLY[@]}"'
        file = self.prefix / "share/bash-completion/completions/holisafe"
        return run("bash", "-c", script, "bash", file, *words, cwd=self.folder).split()

    def test_completions_offer_values_and_folders(self):
        self.assertIn("bench", self.completed("b"))
        self.assertIn("--data", self.completed("bench", "run", "--da"))
        self.assertEqual(sorted(self.completed("bench", "judge", "RUN", "--judge", "")), ["anthropic", "authors", "gemini", "lmms-eval", "local", "openai", "string"])
        self.assertEqual(self.completed("completion", "z"), ["zsh"])
        (self.folder / "offered/folder").mkdir(parents=True)
        (self.folder / "offered/file").write_text("")
        self.assertEqual(self.completed("bench", "run", "--out", "offered/"), ["offered/folder"])
        self.assertEqual(sorted(self.completed("bench", "score", "offered/")), ["offered/file", "offered/folder"])

    @with_torch
    def test_commands_that_need_libtorch_load_it(self):
        done = subprocess.run([self.prefix / "bin/holisafe", "model", "info", "/nowhere"], capture_output=True, text=True)
        self.assertIn("/nowhere", done.stderr)

    @with_torch
    def test_without_libtorch_each_place_is_named(self):
        # A mount namespace in which the build folder, and LibTorch in it, are gone.
        hidden = self.without_build([self.prefix / "bin/holisafe", "model", "info", "/nowhere"], HOLISAFE_TORCH_DIR="/no/torch")
        self.assertEqual(hidden.returncode, 2)
        for words in ("cannot find LibTorch", "/no/torch/lib", str(self.prefix), "where it was built", "set HOLISAFE_TORCH_DIR"):
            self.assertIn(words, hidden.stderr)
        found = self.without_build([self.prefix / "bin/holisafe", "model", "info", "/nowhere"], HOLISAFE_TORCH_DIR=HIDDEN_TORCH)
        self.assertIn("/nowhere", found.stderr)

    @with_torch
    def test_a_module_that_is_not_there_is_named(self):
        module = next(self.prefix.glob("lib*/**/holisafe_torch.so"))
        module.rename(module.with_suffix(".gone"))
        try:
            done = subprocess.run([self.prefix / "bin/holisafe", "guard", "x.png"], capture_output=True, text=True)
        finally:
            module.with_suffix(".gone").rename(module)
        self.assertEqual(done.returncode, 2)
        self.assertIn(str(module), done.stderr)

    def without_build(self, command, **environment):
        """Runs a command where the build folder is empty, and LibTorch lies at HIDDEN_TORCH alone."""
        script = ('set -e; mount -t tmpfs tmpfs /mnt; mkdir /mnt/torch; mount --bind "$1" /mnt/torch; mount -t tmpfs tmpfs "$2"; '
                  'cd "$3"; shift 3; exec "$@"')
        namespace = ["unshare", "-rm"]
        if subprocess.run([*namespace, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True).returncode != 0:
            self.skipTest("no mount namespaces here")
        return subprocess.run([*namespace, "bash", "-c", script, "bash", torch_folder(), BUILD, self.folder, *map(str, command)],
                              capture_output=True, text=True, env={**os.environ, **environment})

    def test_examples_of_the_installed_tree(self):
        source = self.prefix / "share/doc/holisafe/examples"
        self.assertTrue((self.prefix / "share/doc/holisafe/LICENSE").exists())
        self.assertTrue((self.prefix / "share/doc/holisafe/contract.md").exists())
        build = self.folder / "examples"
        with_torch = ["-DWITH_LIBTORCH=" + ("ON" if TORCH else "OFF")]
        done = self.without_build(["bash", "-c", '/usr/bin/cmake -S "$1" -B "$2" -G Ninja -DCMAKE_PREFIX_PATH="$3" "$4" && /usr/bin/cmake --build "$2"', "bash",
                                   source, build, self.prefix, *with_torch], HOLISAFE_TORCH_DIR=HIDDEN_TORCH)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        rows = [{"id": 1, "image": "a.png", "query": "What is this?", "type": "SSS", "category": "safe", "subcategory": "safe", "image_safe": True,
                 "image_safety_label": 0, "prediction": "A cat."}]
        (self.folder / "predictions.json").write_text(json.dumps(rows))
        self.assertIn("rr 0", run(build / "score_file", self.folder / "predictions.json"))
        wrong = subprocess.run([build / "score_file", self.folder / "none.json"], capture_output=True, text=True)
        self.assertEqual((wrong.returncode, wrong.stdout), (2, ""))
        self.assertIn("none.json", wrong.stderr)
        if TORCH:
            run(self.prefix / "bin/holisafe", "model", "synth", "--family", "llava", "--preset", "tiny", "--guard", "--out", self.folder / "tiny")
            run(self.prefix / "bin/holisafe", "data", "sheet", "--out", self.folder / "picture.png")
            guard = [build / "guard_picture", self.folder / "tiny", self.folder / "picture.png"]
            found = self.without_build(guard, HOLISAFE_TORCH_DIR=HIDDEN_TORCH, LD_LIBRARY_PATH=f"{HIDDEN_TORCH}/lib")
            self.assertIn(found.returncode, (0, 1), found.stderr)
            self.assertRegex(found.stdout, r"^\S.* 0\.\d+, unsafe 0\.\d+\n$")
            asked = self.without_build([build / "ask_picture", *guard[1:], "What is it?", "Why?"], HOLISAFE_TORCH_DIR=HIDDEN_TORCH,
                                       LD_LIBRARY_PATH=f"{HIDDEN_TORCH}/lib")
            self.assertEqual(asked.returncode, 0, asked.stderr)
            for question in ("What is it?", "Why?"):
                self.assertIn(f"{question} ", asked.stdout)
            self.assertEqual(asked.stdout.count("the picture is unsafe with probability 0."), 2)
            broken = self.without_build([*guard[:2], source / "score_file.cpp"], LD_LIBRARY_PATH=f"{HIDDEN_TORCH}/lib")
            self.assertEqual(broken.returncode, 2)
            self.assertIn("score_file.cpp", broken.stderr)

    def test_headers(self):
        folder = self.prefix / "include/holisafe"
        self.assertTrue((folder / "base/result.h").exists())
        for path in folder.rglob("*"):
            self.assertNotRegex(path.name, "codec|fuzz|_test|[.]cpp")
            if path.is_file():
                for line in path.read_text().splitlines():
                    self.assertNotRegex(line, '^#include "')

    def test_cmake_package(self):
        build = self.folder / "cmake"
        run("/usr/bin/cmake", "-S", SOURCE / "tests/consumer", "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={self.prefix}")
        run("/usr/bin/cmake", "--build", build)
        self.assertEqual(run(build / "consumer"), "holisafe works\n")

    def package(self, name, source, *more):
        folder = next(self.prefix.glob("lib*/**/pkgconfig"))
        flags = run("pkg-config", "--cflags", "--libs", name, env={**os.environ, "PKG_CONFIG_PATH": str(folder)}).split()
        program = self.folder / source.stem
        run("g++", *more, source, "-o", program, *flags)
        return program

    def test_pkg_config(self):
        consumer = SOURCE / "tests/consumer"
        self.assertEqual(run(self.package("holisafe", consumer / "main.cpp", f"-I{consumer}")), "holisafe works\n")

    @with_torch
    def test_pkg_config_of_what_needs_libtorch(self):
        program = self.package("holisafe-torch", SOURCE / "docs/examples/guard_picture.cpp")
        done = subprocess.run([program, "/nowhere", "x.png"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("/nowhere", done.stderr)


    @with_torch
    def test_blocks_of_the_page(self):
        blocks = re.findall(r"(?ms)^```(sh|cpp|cmake)\n(.*?)^```$", (SOURCE / "docs/cpp.md").read_text(encoding="utf-8"))
        folder = self.folder / "page"
        folder.mkdir()
        run(self.prefix / "bin/holisafe", "model", "synth", "--family", "llava", "--preset", "tiny", "--guard", "--out", folder / "SafeLLaVA-7B")
        run(self.prefix / "bin/holisafe", "data", "sheet", "--out", folder / "picture.jpg")
        texts = {language: [text for other, text in blocks if other == language] for language in ("sh", "cpp", "cmake")}
        self.assertEqual([len(texts[language]) for language in texts], [2, 1, 1])
        (folder / "main.cpp").write_text(texts["cpp"][0])
        targets = f"add_executable(scores main.cpp)\nadd_executable(guards {SOURCE}/docs/examples/guard_picture.cpp)\n"
        (folder / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.25)\nproject(page LANGUAGES CXX)\n" + targets + texts["cmake"][0])
        environment = {**os.environ, "PREFIX": str(self.prefix), "HOLISAFE_TORCH_DIR": torch_folder(),
                       "PKG_CONFIG_PATH": str(next(self.prefix.glob("lib*/**/pkgconfig"))), "PATH": "/usr/bin:" + os.environ["PATH"]}
        for text in texts["sh"]:
            run("bash", "-euo", "pipefail", "-c", text, cwd=folder, env=environment)
        run("/usr/bin/cmake", "-S", folder, "-B", folder / "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={self.prefix}", env=environment)
        run("/usr/bin/cmake", "--build", folder / "build", env=environment)
        done = subprocess.run([folder / "build/scores"], cwd=folder, capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn(done.stderr.strip(), texts["cpp"][0])


if __name__ == "__main__":
    unittest.main()
