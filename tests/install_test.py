"""An installed copy: program, man page, completions, CMake package and pkg-config file work outside the build folder."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["HOLISAFE_SOURCE_DIR"])
BUILD = pathlib.Path(os.environ["HOLISAFE_BIN"]).parent


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

    @unittest.skipUnless((BUILD / "holisafe_torch.so").exists(), "a build without LibTorch")
    def test_commands_that_need_libtorch_load_it(self):
        done = subprocess.run([self.prefix / "bin/holisafe", "model", "info", "/nowhere"], capture_output=True, text=True)
        for words in ("cannot load", "needs LibTorch"):
            self.assertNotIn(words, done.stderr)

    def test_cmake_package(self):
        build = self.folder / "cmake"
        run("/usr/bin/cmake", "-S", SOURCE / "tests/consumer", "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={self.prefix}",
            *(f"-D{name}={os.environ[name]}" for name in ("HOLISAFE_TORCH_DIR",) if name in os.environ))
        run("/usr/bin/cmake", "--build", build)
        self.assertEqual(run(build / "consumer"), "holisafe works\n")

    def test_pkg_config(self):
        folder = next(self.prefix.glob("lib*/**/pkgconfig"))
        flags = run("pkg-config", "--cflags", "--libs", "holisafe", env={**os.environ, "PKG_CONFIG_PATH": str(folder)}).split()
        program = self.folder / "consumer"
        run("g++", SOURCE / "tests/consumer/main.cpp", "-o", program, *flags)
        self.assertEqual(run(program), "holisafe works\n")


if __name__ == "__main__":
    unittest.main()
