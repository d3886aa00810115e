# SPDX-License-Identifier: MIT
"""Static analysis: python3 -m evidence.analysis [tidy] [fanalyzer] [cppcheck] [misra]. Runs clang-tidy, gcc -fanalyzer, cppcheck, and
cppcheck's MISRA add-on; compares the findings with build/deviations.toml; leaves a record of each for the page. What was judged once is not
judged again while the files, the tool and its settings are the same (out/lint/cache)."""

import concurrent.futures
import fnmatch
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import sys
import tempfile
import tomllib

from . import project

DEVIATIONS = project.ROOT / "build/deviations.toml"
CACHE = project.OUT / "lint/cache"
PROGRAMS = ("kernel/", "lib/", "roottask/", "vmm-server/", "devmodels/", "backends/", "tools/")
MUSL_HEADERS = "/usr/include/x86_64-linux-musl"
MUSL_SPECS = "/usr/lib/x86_64-linux-musl/musl-gcc.specs"
INCLUDES = ("kernel", "kernel/include", "lib/include", "lib", "vmm-server", "devmodels", "roottask", "tools/bulkhead")


class Finding:
    def __init__(self, tool, rule, file, line, message):
        self.tool, self.rule, self.file, self.line, self.message = tool, rule, file, int(line), message

    def as_list(self):
        return [self.tool, self.rule, self.file, self.line, self.message]

    def __str__(self):
        return f"{self.file}:{self.line}: {self.message} [{self.tool}: {self.rule}]"


# ---- deviations ----

class Deviation:
    def __init__(self, entry):
        self.tool, self.rule, self.reason = entry["tool"], entry["rule"], entry["reason"]
        self.about, self.where, self.contains = entry.get("about", ""), entry.get("where", "*"), entry.get("contains", "")
        self.used = 0

    def covers(self, finding):
        return (finding.tool == self.tool and finding.rule == self.rule and fnmatch.fnmatchcase(finding.file, self.where)
                and (not self.contains or self.contains in source_line(finding.file, finding.line)))


def read_deviations(path=None):
    """(deviations, switched-off checks). An entry without a reason is an error."""
    with open(path or DEVIATIONS, "rb") as file:
        table = tomllib.load(file)
    for entry in [*table.get("deviation", []), *table.get("switched_off", [])]:
        if not entry.get("reason", "").strip() or not entry.get("tool") or not entry.get("rule"):
            raise ValueError(f"an entry of {path or DEVIATIONS} lacks tool, rule or reason: {entry}")
    return [Deviation(entry) for entry in table.get("deviation", [])], table.get("switched_off", [])


def source_line(file, line):
    try:
        return (project.ROOT / file).read_text(errors="replace").split("\n")[line - 1]
    except (OSError, IndexError):
        return ""


def sort_out(findings, deviations):
    """(findings that no deviation covers); counts in the deviations what they cover."""
    left = []
    for finding in findings:
        covering = next((deviation for deviation in deviations if deviation.covers(finding)), None)
        if covering is None:
            left.append(finding)
        else:
            covering.used += 1
    return left


# ---- the tools ----

def version_of(command):
    """The line of --version that has the version in it."""
    lines = project.run([command, "--version"]).stdout.strip().split("\n")
    return next((line.strip() for line in lines if re.search(r"\d+\.\d+", line)), "")


def relative(path):
    """From the root of the tree; None for what lies outside of it, or in its outputs."""
    path = os.path.normpath(os.path.join(project.OUT, path))
    root = f"{project.ROOT}/"
    return path[len(root):] if path.startswith(root) and not path.startswith(f"{project.OUT}/") and not path.startswith(f"{root}out/") else None


def compile_commands():
    """[(file, words of the command)] of our programs' C files, each once: a file that is built for a task and for the host is judged as the
    task has it. Tests are left out: the analyzers do not know that CMocka's assertions do not return."""
    chosen = {}
    path = project.OUT / "compile_commands.json"
    if not path.exists():
        sys.exit(f"{path} is missing: run build/all tests first")
    for entry in json.loads(path.read_text()):
        file = relative(entry["file"])
        if file and file.endswith(".c") and file.startswith(PROGRAMS) and (project.ROOT / file).exists():
            chosen.setdefault(file, shlex.split(entry["command"]))
    return sorted(chosen.items())


def dependencies():
    """{source file: [files it includes]}, as ninja has noted them; {} where it has not."""
    listed = project.run(["ninja", "-C", project.OUT, "-t", "deps"]).stdout
    found = {}
    for block in listed.split("\n\n"):
        files = [relative(line.strip()) for line in block.split("\n")[1:]]
        files = [name for name in files if name]
        if files:
            found.setdefault(files[0], []).extend(files[1:])
    return found


def key_of(*parts):
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


def cached(key, compute):
    """What compute() gave when it was called with the same key before: a list of findings."""
    path = CACHE / f"{key}.json"
    known = project.read_json(path)
    if known is not None:
        return [Finding(*entry) for entry in known]
    findings = compute()
    CACHE.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}")
    unfinished.write_text(json.dumps([finding.as_list() for finding in findings]))
    unfinished.replace(path)
    return findings


def each_file(tool, settings, judge):
    """The findings of judge(file, words) over all files of the compilation, several at a time."""
    included = dependencies()

    def one(entry):
        file, words = entry
        contents = [project.file_hash(project.ROOT / name) for name in sorted({file, *included.get(file, ())}) if (project.ROOT / name).exists()]
        # Without a list of includes nobody knows whether the file is as it was.
        known = file in included
        key = key_of(tool, settings, *words, *contents)
        return cached(key, lambda: judge(file, words)) if known else judge(file, words)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        lists = list(pool.map(one, compile_commands()))
    unique = {(finding.file, finding.line, finding.rule, finding.message): finding for findings in lists for finding in findings}
    return [unique[key] for key in sorted(unique)]


def for_clang(words):
    """gcc's command line for clang: without what it does not know, musl's headers named."""
    kept = []
    for word in words:
        if word.startswith("-specs="):
            kept += ["-nostdlibinc", "-isystem", MUSL_HEADERS]
        elif not word.startswith(("-fcallgraph-info", "-fcall-used", "-fsanitize", "-fno-sanitize", "-fno-tree-loop")):
            kept.append(word)
    return kept


def tidy():
    lines = (project.ROOT / ".clang-tidy").read_text().split("\n")
    settings = "\n".join(line for line in lines if not line.startswith("#")) + version_of("clang-tidy")
    pattern = re.compile(r"^(/[^:\n]+):(\d+):\d+: (?:warning|error): (.*) \[([\w.,-]+)\]$", re.MULTILINE)

    def judge(file, words):
        result = project.run(["clang-tidy", "--quiet", project.ROOT / file, "--", *for_clang(words)[1:]], cwd=project.OUT)
        findings = [Finding("clang-tidy", rule.split(",")[0], relative(path) or path, line, message)
                    for path, line, message, rule in pattern.findall(result.stdout)]
        if result.returncode != 0 and not findings:
            findings.append(Finding("clang-tidy", "tool", file, 0, (result.stdout + result.stderr).strip()[-300:]))
        return findings

    return version_of("clang-tidy"), "all programs", each_file("clang-tidy", settings, judge)


def fanalyzer():
    version = version_of("gcc")
    pattern = re.compile(r"^(/[^:\n]+):(\d+):\d+: (?:warning|error): (.*?) (?:\[CWE-\d+\] )?\[(?:-Werror=analyzer-|-Wanalyzer-)([\w-]+)\]$", re.MULTILINE)

    def judge(file, words):
        command = [word for word in words if not word.startswith(("-fsanitize", "-fno-sanitize", "-fcallgraph-info"))]
        command[command.index("-o") + 1] = "/dev/null"
        # No quotation marks and no colours that depend on the user's language.
        result = project.run([command[0], "-fanalyzer", "-fdiagnostics-color=never", *command[1:], "-Wno-error"], cwd=project.OUT, env={**os.environ, "LC_ALL": "C"})
        findings = [Finding("gcc -fanalyzer", f"-Wanalyzer-{rule}", relative(path) or path, line, message)
                    for path, line, message, rule in pattern.findall(result.stderr)]
        if result.returncode != 0 and not findings:
            findings.append(Finding("gcc -fanalyzer", "tool", file, 0, result.stderr.strip()[-300:]))
        return findings

    return version, "all programs", each_file("gcc -fanalyzer", version, judge)


CPPCHECK_LINE = re.compile(r"^([^|\n]+)\|(\d+)\|(\w+)\|([\w.-]+)\|(.*)$", re.MULTILINE)


def run_cppcheck(arguments, tool, accept):
    """In a copy of the sources below out/: the add-on writes files beside what it reads, also when it is interrupted."""
    command = ["cppcheck", "--quiet", "--std=c11", "--inline-suppr", "--template={file}|{line}|{severity}|{id}|{message}",
               "--library=build/cppcheck.cfg", *map(str, arguments), *(word for folder in INCLUDES for word in ("-I", folder))]

    def compute():
        (project.OUT / "lint").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="cppcheck-", dir=project.OUT / "lint") as folder:
            for name in project.source_files((*PROGRAMS, "build/cppcheck.cfg")):
                (pathlib.Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(project.ROOT / name, pathlib.Path(folder) / name)
            result = project.run(command, cwd=folder)
        findings = {(file, line, accept(rule)): Finding(tool, accept(rule), file, line, message.replace(" (use --rule-texts=<file> to get proper output)", ""))
                    for file, line, _, rule, message in CPPCHECK_LINE.findall(result.stderr) if accept(rule)}
        broken = [line for line in result.stderr.split("\n") if "internalError" in line or "syntaxError" in line or line.startswith("cppcheck:")]
        if result.returncode != 0 or broken:
            return [Finding(tool, "tool", "build/lint", 0, (" ".join(broken) or result.stderr)[-300:])]
        return [findings[key] for key in sorted(findings)]

    return cached(key_of(tool, version_of("cppcheck"), *command, project.tree_hash((*PROGRAMS, "build/cppcheck.cfg"))), compute)


def cppcheck():
    folders = [folder.rstrip("/") for folder in PROGRAMS]
    findings = run_cppcheck(["--enable=warning,performance,portability", "-j", os.cpu_count(), *folders], "cppcheck", lambda rule: rule)
    return version_of("cppcheck"), "all programs", findings


def misra():
    def accept(rule):
        return rule.removeprefix("misra-c2012-") if rule.startswith("misra-c2012-") else None

    # One process: some rules are about all files together.
    findings = run_cppcheck(["--addon=misra", "--enable=style", "kernel"], "misra", accept)
    return version_of("cppcheck") + ", MISRA C:2012 add-on", "kernel/", findings


TOOLS = {"tidy": tidy, "fanalyzer": fanalyzer, "cppcheck": cppcheck, "misra": misra}
TITLES = {"tidy": "clang-tidy", "fanalyzer": "gcc -fanalyzer", "cppcheck": "cppcheck", "misra": "misra"}


def check(name):
    """Runs one tool; prints what is left; leaves a record. Returns whether nothing is left."""
    inputs = project.tree_hash((*PROGRAMS, "build/", ".clang-tidy"))
    version, scope, findings = TOOLS[name]()
    deviations, switched_off = read_deviations()
    mine = [deviation for deviation in deviations if deviation.tool == TITLES[name]]
    left = sort_out(findings, mine)
    for finding in left:
        print(finding)
    for deviation in mine:
        if deviation.used == 0:
            print(f"note: build/deviations.toml: {deviation.tool} {deviation.rule} ({deviation.where}) covers nothing any more")
    project.write_record(f"analysis-{name}", {
        "tool": TITLES[name], "version": version, "scope": scope, "files": len(compile_commands()) if name in ("tidy", "fanalyzer") else None,
        "open": [str(finding) for finding in left],
        "deviations": [{"rule": deviation.rule, "about": deviation.about, "where": deviation.where, "count": deviation.used, "reason": deviation.reason} for deviation in mine],
        "switched_off": [{"rule": entry["rule"], "reason": entry["reason"]} for entry in switched_off if entry["tool"] == TITLES[name]],
    }, (*PROGRAMS, "build/", ".clang-tidy"), inputs)
    return not left


def main(arguments):
    names = arguments or list(TOOLS)
    if not set(names) <= set(TOOLS):
        sys.exit("usage: evidence.analysis [" + "] [".join(TOOLS) + "]")
    return 0 if all([check(name) for name in names]) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
