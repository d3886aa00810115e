# SPDX-License-Identifier: MIT
"""Machines and images that cannot run Bulkhead: each is told what is missing and what to do, on serial and on the screen, and then halts.

The screen is read as the machine has it: VGA text memory, or a picture of the framebuffer, whose letters are told by the kernel's own font.
Machines are started without the host tool, whose images and manifests are right."""

import contextlib
import json
import re
import shutil
import socket
import subprocess
import time

import pytest
from conftest import BOOT_LIMIT, OUT, ROOT, STEP_LIMIT, TOOL, bare_vm, write_appliance

KERNEL = OUT / "kernel" / "bulkhead.elf32"
KERNEL64 = OUT / "kernel" / "bulkhead.elf64"
ROOT_TASK = OUT / "tasks" / "roottask"
OVMF = "/usr/share/ovmf/OVMF.fd"
# EPYC without what the emulator lacks, as the host tool asks for it.
CPU = "EPYC,-rdseed,-sha-ni,-fxsr-opt,-misalignsse,-3dnowprefetch,-osvw,-topoext,-xsavec,-nrip-save"
HALTED = "KERNEL HALTED"


class Refused:
    """A machine that is expected to halt: `serial` and `screen` are what it said there."""

    def __init__(self, folder, arguments, text=HALTED, debugger=None):
        self.folder = folder
        self.serial_path, self.monitor_path, self.stub_path = folder / "serial.txt", folder / "monitor", folder / "stub"
        self.serial_path.write_bytes(b"")
        command = ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg", "-m", "256", "-display", "none", "-nic", "none", "-no-reboot",
                   "-serial", f"file:{self.serial_path}", "-qmp", f"unix:{self.monitor_path},server=on,wait=off", *map(str, arguments)]
        if debugger:
            command += ["-S", "-gdb", f"unix:{self.stub_path},server=on,wait=off"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            if debugger:
                self.wait(self.stub_path.exists)
                debugger(self)
            self.wait(lambda: text in self.read_serial())
            self.serial = self.read_serial()
            self.screen = self.read_screen()
        finally:
            self.process.kill()
            self.process.communicate()

    def read_serial(self):
        return self.serial_path.read_text(errors="replace").replace("\r", "")

    def wait(self, condition):
        end = time.monotonic() + BOOT_LIMIT
        while not condition():
            assert self.process.poll() is None, self.process.stderr.read()
            assert time.monotonic() < end, f"the machine said only:\n{self.read_serial()[-2000:]}"
            time.sleep(0.05)

    def monitor(self, *commands):
        """Runs commands of QEMU's human monitor."""
        self.wait(self.monitor_path.exists)
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
            connection.settimeout(STEP_LIMIT)
            connection.connect(str(self.monitor_path))
            answers = connection.makefile("rw")
            answers.readline()
            for command in ("qmp_capabilities", *commands):
                request = {"execute": command} if command == "qmp_capabilities" else {"execute": "human-monitor-command", "arguments": {"command-line": command}}
                answers.write(json.dumps(request))
                answers.flush()
                while "return" not in (answer := json.loads(answers.readline())):
                    assert "error" not in answer, answer

    def read_screen(self):
        """The screen's lines, joined without the line ends that its width makes."""
        memory, picture = self.folder / "vga.bin", self.folder / "screen.ppm"
        self.monitor(f'pmemsave 0xb8000 4000 "{memory}"', f'screendump "{picture}"')
        width, height, pixels = read_picture(picture)
        if (width, height) == (720, 400):  # 80 by 25 letters
            return memory.read_bytes()[::2].decode("ascii", errors="replace").replace("\0", " ")
        return letters(width, height, pixels)


def read_picture(path):
    """(width, height, bytes of red green blue) of a portable pixmap."""
    content = path.read_bytes()
    match = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", content)
    return int(match.group(1)), int(match.group(2)), content[match.end():]


def font():
    """{bits of a cell, a row each: character} of the kernel's font."""
    text = (ROOT / "kernel/arch/x86_64/font.h").read_text()
    width = int(re.search(r"#define FONT_WIDTH (\d+)", text).group(1))
    rows = re.findall(r"\{([^{}]*0x[^{}]*)\}", text[text.index("font[95]"):])
    assert len(rows) == 95
    return width, {tuple(int(value, 0) for value in re.findall(r"0x[0-9a-fA-F]+", row)): chr(ord(" ") + index) for index, row in enumerate(rows)}


def letters(width, height, pixels):
    """The text on a graphical screen: cells of 8 by 16 points, each row of the font twice (screen.c)."""
    font_width, characters = font()
    text = ""
    for top in range(0, height - 15, 16):
        for left in range(0, width - 7, 8):
            bits = []
            for y in range(top, top + 16, 2):
                row = 0
                for x in range(font_width):
                    row = row << 1 | (pixels[3 * (y * width + left + x)] > 127)
                bits.append(row)
            length = len(next(iter(characters)))
            text += characters.get(tuple(bits[:length]), "?")
    return text


def modules(*words):
    return ["-kernel", KERNEL, "-initrd", ",".join(words)]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("manifest")
    appliance = write_appliance(folder, "name = refused\n" + bare_vm("hello", "hello"))
    target = folder / "manifest"
    subprocess.run([TOOL, "manifest", appliance, "-o", target], check=True, timeout=STEP_LIMIT)
    return target


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """What the host tool builds."""
    folder = tmp_path_factory.mktemp("image")
    appliance = write_appliance(folder, "name = refused\n" + bare_vm("hello", "hello"))
    subprocess.run([TOOL, "build", appliance, "-o", folder / "image.iso"], check=True, timeout=BOOT_LIMIT)
    return ["-cdrom", folder / "image.iso"]


def multiboot1_image(folder):
    """The kernel started by GRUB's older protocol."""
    (folder / "files/boot/grub").mkdir(parents=True)
    shutil.copy(KERNEL64, folder / "files/boot/bulkhead.elf")
    (folder / "files/boot/grub/grub.cfg").write_text("set timeout=0\ninsmod all_video\nmenuentry x {\nmultiboot /boot/bulkhead.elf\n}\n")
    subprocess.run(["grub-mkrescue", "-o", folder / "image.iso", folder / "files"], check=True, capture_output=True, timeout=BOOT_LIMIT)
    return ["-cdrom", folder / "image.iso"]


def says(text, *words):
    """Whether all words stand in one message of `text`, whatever line ends the screen put between them."""
    plain = re.sub(r"\s+", "", text)
    missing = [word for word in words if re.sub(r"\s+", "", word) not in plain]
    assert missing == [], text


CPUS = {
    "no-long-mode": ("EPYC,-lm", ["long mode", "64-bit CPU", "-cpu EPYC"]),
    "no-svm": (f"{CPU},-svm", ["AMD-V (SVM) is missing", "Enable SVM or virtualization in the firmware setup", "-cpu EPYC"]),
    "no-nested-paging": (f"{CPU},-npt", ["nested paging (NPT) is missing", "It takes a newer CPU; in QEMU use -cpu EPYC"]),
    "no-execute-bit": (f"{CPU},-nx", ["no-execute page bit (NX) is missing", "Enable it in the firmware setup"]),
    "intel": ("Haswell", ["the CPU is not AMD's", "It takes an AMD CPU with AMD-V"]),
}


@pytest.mark.parametrize("name", CPUS)
def test_a_cpu_that_lacks_something(name, tmp_path):
    cpu, words = CPUS[name]
    machine = Refused(tmp_path, ["-cpu", cpu, *modules(f"{ROOT_TASK} roottask")])
    says(machine.serial, *words, HALTED)
    says(machine.screen, *words, HALTED)


def test_svm_disabled_by_the_firmware(tmp_path):
    """VM_CR.SVMDIS (AMD APM vol. 2 §15.4). The emulator has no such register, so a debugger answers in its place: it adds the bit to what the
    kernel's RDMSR gave, which is where a locked firmware setting would have put it."""
    listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", KERNEL64], capture_output=True, text=True, check=True).stdout
    reads = re.findall(r"mov +\$0xc0010114,%ecx\n(?:.*\n){0,3}?.*\trdmsr *\n *([0-9a-f]+):", listing)
    assert len(reads) == 1

    def debugger(machine):
        commands = ["set confirm off", f"target remote {machine.stub_path}", f"hbreak *0x{reads[0]}", "continue", "set $rax = $rax | 0x10", "delete", "detach"]
        words = [word for command in commands for word in ("-ex", command)]
        result = subprocess.run(["gdb", "--batch", "-nx", *words, KERNEL64], capture_output=True, text=True, timeout=BOOT_LIMIT, check=False)
        assert f"0x{reads[0]}" in result.stdout, result.stdout + result.stderr

    machine = Refused(tmp_path, ["-cpu", CPU, *modules(f"{ROOT_TASK} roottask")], debugger=debugger)
    words = ["the firmware has disabled (VM_CR.SVMDIS)", "Enable SVM or virtualization in the firmware setup"]
    says(machine.serial, *words, HALTED)
    says(machine.screen, *words, HALTED)


@pytest.mark.parametrize("firmware", [[], ["-bios", OVMF]], ids=["bios", "uefi"])
def test_an_image_shows_it_on_the_screen_of_its_firmware(firmware, image, tmp_path):
    """Text mode on a BIOS; under UEFI the framebuffer that GRUB hands over."""
    machine = Refused(tmp_path, [*firmware, "-cpu", f"{CPU},-svm", *image])
    words = CPUS["no-svm"][1]
    says(machine.serial, *words, HALTED)
    says(machine.screen, *words, HALTED)


def test_multiboot1_on_uefi(tmp_path):
    """This loader reports no screen, and the firmware's is not in text mode: serial is all there is."""
    machine = Refused(tmp_path, ["-bios", OVMF, "-cpu", CPU, *multiboot1_image(tmp_path)])
    says(machine.serial, "Under UEFI multiboot1 cannot pass them on", "start the kernel by multiboot2", HALTED)


def test_no_modules(tmp_path):
    machine = Refused(tmp_path, ["-cpu", CPU, "-kernel", KERNEL])
    words = ["no modules: the first one must be the root task", "start the image with its module list"]
    says(machine.serial, *words, HALTED)
    says(machine.screen, *words, HALTED)


def test_a_root_task_that_is_no_program(tmp_path):
    file = tmp_path / "text"
    file.write_text("this is no program\n" * 10)
    machine = Refused(tmp_path, ["-cpu", CPU, *modules(f"{file} roottask")])
    words = ["is not a static x86-64 ELF program: it must be the root task"]
    says(machine.serial, *words, HALTED)
    says(machine.screen, *words, HALTED)


def test_no_manifest(tmp_path):
    machine = Refused(tmp_path, ["-cpu", CPU, *modules(f"{ROOT_TASK} roottask")])
    words = ["the boot loader brought no manifest", "start an image that \"bulkhead build\" made"]
    says(machine.serial, *words, HALTED)
    says(machine.screen, *words, HALTED)


@pytest.mark.parametrize("place, words", [
    (0, ["the manifest is not usable", "Make the image again, with the bulkhead that was built with this root task"]),
    (8, ["the manifest is not usable", "Make the image again"]),
    (100, ["the manifest is not usable", "Make the image again"]),
    (-1, ["the manifest is not usable", "Make the image again"]),
], ids=["not one", "of another version", "changed", "changed at its end"])
def test_a_bad_manifest(place, words, manifest, tmp_path):
    content = bytearray(manifest.read_bytes())
    content[place] ^= 0x40
    file = tmp_path / "manifest"
    file.write_bytes(content)
    machine = Refused(tmp_path, ["-cpu", CPU, *modules(f"{ROOT_TASK} roottask", f"{file} manifest")])
    says(machine.serial, *words, HALTED)
    says(machine.screen, *words, HALTED)


def test_an_incomplete_image(manifest, tmp_path):
    machine = Refused(tmp_path, ["-cpu", CPU, *modules(f"{ROOT_TASK} roottask", f"{manifest} manifest")])
    words = ["the boot loader brought 0 files, and the manifest names", "the image is incomplete, make it again with \"bulkhead build\""]
    says(machine.serial, *words, HALTED)
    says(machine.screen, *words, HALTED)
