#!/usr/bin/env python3
"""Checks who includes whom: layers.py ROOT, or layers.py --self-test.

The table is the dependency rule of the project; CMake's link lines state it too, but headers on the
include path would be found without them.
"""
import re
import sys
import tempfile
from pathlib import Path

# Folder -> what its files may include besides their own folder: a folder, or one header.
MAY_INCLUDE = {
    "base": [],
    "config": ["base/"],
    "cdp": ["base/"],
    "net": ["base/"],
    "api": ["base/", "net/"],
    "systemd": ["base/"],
    "local": ["base/", "net/", "api/types.hpp"],
    "daemon": ["base/", "net/", "config/", "cdp/", "api/", "systemd/"],
}
# The one place that knows the embedded backend.
ALSO = {"daemon/embedded.cpp": ["local/"]}

# Third-party headers -> the files that may include them.
ONLY_IN = {
    r"boost/beast": r"net/\w+\.cpp",
    r"boost/asio/ssl": r"net/\w+\.cpp",
    r"boost/asio": r"(net|api|local|daemon)/.*",
    r"openssl/": r"net/\w+\.cpp",
    r"openssl/(evp|x509)\.h": r"(net|local)/\w+\.cpp|config/key\.cpp",  # SHA-256, sealing, signatures
    r"yaml-cpp/": r"config/\w+\.cpp",
    # The headers are those of jobs, whose parts are JSON; nothing that others include leads there.
    r"nlohmann/(?!json_fwd)": r"(?!cdp/).*\.cpp"
    r"|local/(agent|browser_page|chat_model|invocation|viewer_input)\.hpp",
    r"spdlog/": r"base/log\.cpp",
    r"sqlite3\.h": r"base/sqlite\.cpp",
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def own_include_is_fine(path, header):
    folder = path.split("/")[0]
    allowed = [folder + "/", *MAY_INCLUDE[folder], *ALSO.get(path, [])]
    return any(header == a or a.endswith("/") and header.startswith(a) for a in allowed)


def library_include_is_fine(path, header):
    rules = [rule for rule in ONLY_IN if re.match(rule, header)]
    return not rules or re.fullmatch(ONLY_IN[max(rules, key=len)], path)


def violations(root):
    for folder in MAY_INCLUDE:
        for file in sorted((root / folder).rglob("*.[ch]pp")):
            path = file.relative_to(root).as_posix()
            text = file.read_text()
            for match in INCLUDE.finditer(text):
                quote, header = match.groups()
                own = quote == '"' or header.split("/")[0] in MAY_INCLUDE
                fine = own_include_is_fine if own else library_include_is_fine
                if not fine(path, header):
                    line = text.count("\n", 0, match.start(2)) + 1
                    yield f"{path}:{line}: may not include {header}"


def self_test():
    wrong = [
        ("base/a.hpp", '"net/asio.hpp"'),
        ("cdp/mux.cpp", '"net/asio.hpp"'),
        ("cdp/mux.cpp", "<net/asio.hpp>"),
        ("cdp/mux.cpp", "<nlohmann/json.hpp>"),
        ("cdp/mux.hpp", "<boost/asio/io_context.hpp>"),
        ("net/tls.cpp", '"api/types.hpp"'),
        ("net/tls.hpp", "<boost/asio/ssl/context.hpp>"),
        ("net/tls.hpp", "<openssl/ssl.h>"),
        ("net/ws.hpp", "<boost/beast/core.hpp>"),
        ("local/store.cpp", '"api/json.hpp"'),
        ("local/store.cpp", '"daemon/bridge.hpp"'),
        ("local/json.hpp", "<nlohmann/json.hpp>"),
        ("daemon/main.cpp", '"local/backend.hpp"'),
        ("daemon/embedded.hpp", '"local/backend.hpp"'),
        ("daemon/bridge.cpp", "<boost/beast/http.hpp>"),
        ("daemon/ledger.cpp", "<sqlite3.h>"),
        ("local/hash.cpp", "<openssl/ssl.h>"),
        ("local/hash.hpp", "<openssl/evp.h>"),
        ("config/key.cpp", "<openssl/ssl.h>"),
        ("config/load.cpp", "<openssl/evp.h>"),
        ("config/yaml.hpp", "<yaml-cpp/yaml.h>"),
        ("systemd/notify.cpp", "<spdlog/spdlog.h>"),
        ("base/b.cpp", '"no_folder.hpp"'),
    ]
    right = [
        ("api/json.cpp", '"net/url.hpp"'),
        ("api/json.cpp", "<nlohmann/json.hpp>"),
        ("local/json.hpp", "<nlohmann/json_fwd.hpp>"),
        ("local/views.cpp", '"api/types.hpp"'),
        ("base/sqlite.cpp", "<sqlite3.h>"),
        ("local/hash.cpp", "<openssl/evp.h>"),
        ("daemon/embedded.cpp", '"local/backend.hpp"'),
        ("net/tls.cpp", "<boost/asio/ssl/context.hpp>"),
        ("net/tls.cpp", "<openssl/ssl.h>"),
        ("config/key.cpp", "<openssl/evp.h>"),
        ("base/log.cpp", "<spdlog/spdlog.h>"),
    ]
    for cases, expected in ((wrong, True), (right, False)):
        for path, header in cases:
            with tempfile.TemporaryDirectory() as directory:
                file = Path(directory, path)
                file.parent.mkdir()
                file.write_text(f"#pragma once\n#  include {header}\n")
                found = list(violations(Path(directory)))
            if bool(found) != expected:
                yield f"self-test: {path} including {header} gave {found}"
            elif found and not found[0].startswith(f"{path}:2: "):
                yield f"self-test: wrong place in {found}"


if __name__ == "__main__":
    problems = list(self_test() if sys.argv[1] == "--self-test" else violations(Path(sys.argv[1])))
    print(*problems, sep="\n")
    sys.exit(bool(problems))
