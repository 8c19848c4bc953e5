"""A llama.cpp server in a process of its own: `serve_gguf.py MODEL [VISION]`. Prints its address, ends with stdin."""

import importlib
import sys
from typing import Any


def main() -> None:
    llama: Any = importlib.import_module("xllamacpp")  # a compiled module without types
    settings = llama.CommonParams()
    settings.model.path = sys.argv[1]
    if len(sys.argv) > 2:
        settings.mmproj.path = sys.argv[2]
    settings.model_alias = {"tiny"}
    settings.n_ctx = 32_768  # shared by the two places
    settings.n_parallel = 2
    settings.hostnames = ["127.0.0.1"]
    settings.port = 0
    settings.cpuparams.n_threads = 1
    settings.warmup = False
    server = llama.Server(settings)
    print(server.listening_address, flush=True)
    sys.stdin.read()  # the pipe closes with the tests, however they end


if __name__ == "__main__":
    main()
