"""Run by LLaMA-Factory's own Python: what its loader and its template make of an export, as JSON on stdout.

python read_by_llamafactory.py FOLDER DATASET [rm]
"""

import json
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

PADS = ("<|vision_start|>", "<|image_pad|>", "<|vision_end|>", "<|im_start|>", "<|im_end|>", "<|endoftext|>")


def tokenizer() -> Any:
    """Every byte is a token, so that decoding gives the text back."""
    library: Any = import_module("tokenizers")
    models: Any = import_module("tokenizers.models")
    outside: Any = import_module("tokenizers.pre_tokenizers")
    decoders: Any = import_module("tokenizers.decoders")
    alphabet = sorted(outside.ByteLevel.alphabet())
    bare = library.Tokenizer(models.BPE(vocab={letter: place for place, letter in enumerate(alphabet)}, merges=[]))
    bare.pre_tokenizer = outside.ByteLevel(add_prefix_space=False, use_regex=False)
    bare.decoder = decoders.ByteLevel()
    transformers: Any = import_module("transformers")
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=bare, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    made.add_special_tokens({"additional_special_tokens": list(PADS)})
    return made


class Sizes:
    """An image processor of one place for every image."""

    merge_size = 1

    def __call__(self, images: list[Any], **_: Any) -> dict[str, Any]:
        torch: Any = import_module("torch")
        return {"image_grid_thw": torch.ones((len(images), 3), dtype=torch.long)}


def without_audio() -> None:
    """LLaMA-Factory imports torchaudio, whose wheels need CUDA: no example has sound, so an empty module will do."""
    try:
        import_module("torchaudio")
    except (ImportError, OSError):
        empty = ModuleType("torchaudio")
        empty.__spec__ = ModuleSpec("torchaudio", None)
        sys.modules["torchaudio"] = empty


def main(folder: str, name: str, stage: str) -> None:
    """Load, align and encode."""
    without_audio()
    loader: Any = import_module("llamafactory.data.loader")
    parser: Any = import_module("llamafactory.data.parser")
    template_module: Any = import_module("llamafactory.data.template")
    hparams: Any = import_module("llamafactory.hparams")
    processors: Any = import_module("llamafactory.data.processor")
    data: Any = hparams.DataArguments(template="qwen2_vl", dataset=name, dataset_dir=folder, cutoff_len=100_000)
    training = SimpleNamespace(local_process_index=0)
    model = SimpleNamespace(cache_dir=None, hf_hub_token=None)
    (attributes,) = parser.get_dataset_list([name], folder)
    # _load_single_dataset reads the file and ends in align_dataset
    aligned = loader._load_single_dataset(attributes, model, data, training)
    words = tokenizer()
    template = template_module.get_template_and_fix_tokenizer(words, data)
    kind = processors.PairwiseDatasetProcessor if stage == "rm" else processors.SupervisedDatasetProcessor
    processor = SimpleNamespace(
        image_processor=Sizes(), tokenizer=words, image_max_pixels=768 * 768, image_min_pixels=1
    )
    encoder = kind(template=template, tokenizer=words, processor=processor, data_args=data)
    told: list[dict[str, Any]] = []
    for row in aligned:
        encoded = encoder.preprocess_dataset({key: [value] for key, value in row.items()})
        ids = {key: value[0] for key, value in encoded.items() if key.endswith("input_ids")}
        labels = {
            key: [one for one in value[0] if one >= 0] for key, value in encoded.items() if key.endswith("labels")
        }
        told.append(
            {
                "system": row["_system"],
                "prompt": row["_prompt"],
                "response": row["_response"],
                "images": row["_images"],
                "encoded": {key: words.decode(value) for key, value in ids.items()},
                "learned": {key: words.decode(value) for key, value in labels.items()},
            }
        )
    sys.stdout.write("\n" + json.dumps(told) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "sft")
