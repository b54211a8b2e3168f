#!/usr/bin/env python3
"""Looks for what ends in a use after free, and for paths of one machine:
coroutines.py ROOT, or coroutines.py --self-test.

A lambda's captures die with the lambda, which is usually before its coroutine ends. (clang-tidy
knows this from LLVM 17 on.)
"""
import re
import subprocess
import sys
from pathlib import Path

LAMBDA = re.compile(
    r"(?<![\w\])>\[])\s*\[[^\[\]]+\]"  # captures; not a subscript, not an [[attribute]]
    r"\s*(?:<[^<>]*>\s*)?(?:\((?:[^()]|\([^()]*\))*\))?"  # parameters, with one level of ( )
    r"[\w\s]*->\s*(?:\w+::)*awaitable\s*<"  # mutable, noexcept
)
THREADS = {"daemon/main.cpp", "daemon/embedded.cpp"}
# (what, pattern, applies to this path)
CODE_RULES = [
    ("a capturing lambda must not be a coroutine", LAMBDA, lambda path: not in_tests(path)),
    ("detached hides errors; use Tasks", re.compile(r"\bdetached\b"), lambda path: not in_bench(path)),
    ("one owner each", re.compile(r"\bshared_from_this\b"), lambda path: not in_bench(path)),
    (
        "no threads here",
        re.compile(r"\bstd::j?thread\b(?!::)"),
        lambda path: not in_tests(path) and path not in THREADS,
    ),
]
# A user called u or user is an example.
MACHINE_PATH = re.compile(r"(?<![\w.~}*-])/(?:work|root|home/(?!u\b|user\b)\w+)/")

# Comments and literals. A raw string first: its content may look like anything.
NOT_CODE = re.compile(
    r'R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<!\w)\'(?:\\.|[^\'\\\n])+\'|//[^\n]*|/\*.*?\*/',
    re.DOTALL,
)


def in_tests(path):
    return path.startswith(("tests/", "bench/"))


def in_bench(path):  # a load generator lives as long as one run
    return path.startswith("bench/")


def code_only(text):
    """The text with comments and literals blanked, so that places stay."""
    return NOT_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def project_files(root):
    """Tracked and untracked files, without what .gitignore names."""
    command = ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    names = sorted(set(filter(None, listed.split("\0"))))
    return [name for name in names if (root / name).is_file()]


def found_in(path, text):
    rules = [("a path of one machine", MACHINE_PATH, text)]
    if path.endswith((".cpp", ".hpp")):
        code = code_only(text)
        rules += [(what, regex, code) for what, regex, applies in CODE_RULES if applies(path)]
    for what, regex, searched in rules:
        for match in regex.finditer(searched):
            start = match.start() + len(match[0]) - len(match[0].lstrip())
            line = text.count("\n", 0, start) + 1
            yield f"{path}:{line}: {what}: {text[start:match.end()].splitlines()[0]}"


def violations(root):
    for path in project_files(root):
        try:
            text = (root / path).read_text()
        except UnicodeDecodeError:
            continue  # an image, a recording
        yield from found_in(path, text)


def self_test():
    machine = "/".join(["", "work", "main"])
    wrong = [
        ("net/a.cpp", "auto f = [this]() -> awaitable<void> { co_return; };"),
        ("net/a.cpp", "go([&, x = f(y)](int (*g)(int)) mutable\n -> asio::awaitable<int> {"),
        ("net/a.hpp", "auto f = [=] -> boost::asio::awaitable<void> {};"),
        ("net/a.cpp", "asio::co_spawn(ex, f(), asio::detached);"),
        ("tests/unit/net/a_test.cpp", "using asio::detached;"),
        ("net/a.cpp", "auto me = this->shared_from_this();"),
        ("net/a.cpp", "std::thread t(f);"),
        ("daemon/bridge.hpp", "std::jthread t_;"),
        ("README.md", f"cd {machine}/build"),
        ("net/a.cpp", f'open("{machine}/x"); // text counts here'),
        ("docs/a.md", "see /" + "home/alice/x"),
    ]
    right = [
        ("net/a.cpp", "auto f = [](int x) -> awaitable<void> { co_return; };"),
        ("net/a.cpp", "auto f = [this](int x) -> int { return x; };"),
        ("net/a.hpp", "[[nodiscard]] auto read() -> awaitable<int>;"),
        ("net/a.cpp", "table[i](x); auto f = [] -> awaitable<void> {};"),
        ("tests/unit/net/a_test.cpp", "run([&]() -> awaitable<void> {}); std::thread t(f);"),
        ("net/a.cpp", "// detached would swallow it\n/* std::thread */ auto x = \"detached\";"),
        ("net/a.cpp", 'auto x = R"(std::thread "detached)"; int n = 1\'000;'),
        ("net/a.cpp", "on_detached(std::thread::id());"),
        ("daemon/embedded.cpp", "std::thread t(f);"),
        ("bench/a.cpp", "co_spawn(ex, f(shared_from_this()), detached);"),
        ("docs/a.md", "/home/u/x, ./src/x, ~/src/x, https://example.com/src/x"),
    ]
    for cases, expected in ((wrong, True), (right, False)):
        for path, text in cases:
            found = list(found_in(path, "\n" + text))
            if len(found) != expected:
                yield f"self-test: {path}: {text!r} gave {found}"
            elif found and not found[0].startswith(f"{path}:2: "):
                yield f"self-test: wrong place in {found}"


if __name__ == "__main__":
    problems = list(self_test() if sys.argv[1] == "--self-test" else violations(Path(sys.argv[1])))
    print(*problems, sep="\n")
    sys.exit(bool(problems))
