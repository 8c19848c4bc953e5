"""Llama of transformers, which pyiqa replaces for the whole process when it is imported: put back, for other models."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any

from autorater_tools._offline import replaced

GONE = ("LlamaFlashAttention2", "LlamaSdpaAttention")
"""Classes that transformers 5 has no more and the package puts there."""


@contextmanager
def llama_as_before() -> Generator[None]:
    """Whatever happens to Llama inside, it is afterwards as it was."""
    llama: Any = import_module("transformers.models.llama.modeling_llama")
    settings: Any = import_module("transformers.models.llama.configuration_llama")
    touched = [(settings, "LlamaConfig"), *((llama, name) for name in ("LlamaAttention", "LlamaDecoderLayer"))]
    touched += [(llama.LlamaModel, "forward"), (llama.LlamaForCausalLM, "forward")]
    for module in (import_module("transformers"), import_module("transformers.models.llama")):
        for name in ("LlamaConfig", "LlamaModel", "LlamaForCausalLM"):
            getattr(module, name)  # looked up now, or these modules would look up and keep the package's own
            touched.append((module, name))
    with ExitStack() as stack:
        for thing, name in touched:
            stack.enter_context(replaced(thing, {name: thing.__dict__[name]}))
        yield
        for name in GONE:
            llama.__dict__.pop(name, None)
