"""AesExpert: the authors' computation written out here against the conversion; a server that answers, or does not."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("torchvision")
sentencepiece: Any = pytest.importorskip("sentencepiece")

from PIL import Image  # noqa: E402
from tiny_lmm import images, pictures  # noqa: E402
from tiny_original_llava import LIBRARY, SIDE, build, write_shards  # noqa: E402

from autorater.assessment import Declined, Failed, Measured, Outcome  # noqa: E402
from autorater.errors import SpecialistError  # noqa: E402
from autorater.toolbox import View, checked  # noqa: E402
from autorater_tools._weights import own_card  # noqa: E402
from autorater_tools.aesexpert import Aesexpert, cut  # noqa: E402

PROMPT = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, "
    "and polite answers to the user's questions. USER: <image>\nDescribe the aesthetic experience of this image in "
    "detail. ASSISTANT:"
)


@pytest.fixture(scope="module", params=[False, True], ids=["tower apart", "tower in the shards"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("aesexpert")
    return folder, build(folder, tuned_tower=request.param)


def views() -> list[View]:
    return [View(image=picture) for picture in pictures()]


def texts(outcomes: list[Outcome]) -> list[str]:
    assert all(isinstance(checked(own_card("aesexpert"), outcome), Measured) for outcome in outcomes), outcomes
    return [cast(Measured, outcome).text for outcome in outcomes]


def authors_embeddings(tokenizer: Any, networks: tuple[Any, Any, Any], image: Image.Image) -> Any:
    """What the language model gets: the patches of CLIP's last layer but one, projected, between the words."""
    vision, projector, language = networks
    side = max(image.size)
    square = Image.new("RGB", (side, side), (122, 116, 104))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    pixels: Any = np.asarray(square.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=np.float32) / 255
    pixels = (pixels - [0.48145466, 0.4578275, 0.40821073]) / [0.26862954, 0.26130258, 0.27577711]
    tensor = torch.tensor(pixels.transpose(2, 0, 1)[None], dtype=torch.float32)
    patches = projector(vision(tensor, output_hidden_states=True).hidden_states[-2][:, 1:])
    before, after = (tokenizer(chunk)["input_ids"] for chunk in PROMPT.split("<image>"))
    assert before[0] == after[0] == tokenizer.bos_token_id
    words = [language.model.embed_tokens(torch.tensor([ids])) for ids in (before, after[1:])]
    return torch.cat([words[0], patches, words[1]], dim=1)


def test_the_conversion_computes_what_the_authors_code_computes(made: tuple[Path, Any]) -> None:
    folder, networks = made
    # The authors use transformers' slow LlamaTokenizer: sentencepiece and a BOS before each part.
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "model" / "tokenizer.model"))
    tokenizer = _Slow(pieces)
    specialist = Aesexpert(weights=folder)
    assert specialist.local is not None
    given: Any = None
    with torch.inference_mode():
        for image in images():
            given = authors_embeddings(tokenizer, networks, image)
            expected = networks[2](inputs_embeds=given).logits[0]
            ids = torch.tensor([specialist.local.ids("Describe the aesthetic experience of this image in detail.")])
            assert ids.shape[1] == expected.shape[0]
            square = Image.new("RGB", (max(image.size), max(image.size)), (122, 116, 104))
            square.paste(image, ((square.width - image.width) // 2, (square.width - image.height) // 2))
            pixels = specialist.local.pixels(images=[square], return_tensors="pt")["pixel_values"]
            got = specialist.local.network(input_ids=ids, pixel_values=pixels).logits[0]
            assert (got - expected).abs().max() < 2e-5
        greedy = networks[2].generate(
            inputs_embeds=given, attention_mask=torch.ones(given.shape[:2]), max_new_tokens=24, do_sample=False,
            eos_token_id=2, pad_token_id=2,
        )  # fmt: skip
    written = specialist.local.write(
        [images()[-1]], "Describe the aesthetic experience of this image in detail.", tokens=24
    )
    assert written == [pieces.DecodeIds([one for one in greedy[0].tolist() if one != 2]).strip()]


def test_the_tokens_are_those_of_the_llama_tokenizer(made: tuple[Path, Any]) -> None:
    pytest.importorskip("google.protobuf")
    folder, _ = made
    tokenizer = LIBRARY.LlamaTokenizer.from_pretrained(folder / "model", legacy=True)
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "model" / "tokenizer.model"))
    for part in PROMPT.split("<image>"):
        assert tokenizer(part, add_special_tokens=False)["input_ids"] == pieces.EncodeAsIds(part)


def test_each_text_is_the_same_alone_and_in_a_batch(tmp_path: Path) -> None:
    build(tmp_path)
    specialist = Aesexpert(weights=tmp_path, max_words=30)
    together = texts(specialist(views()))
    assert together == [texts(specialist([view]))[0] for view in views()]
    assert len(set(together)) > 1
    assert all(len(text.split()) <= 31 for text in together)


HARM: list[tuple[Callable[[Path], object], str]] = [
    (lambda model: (model / "tokenizer.model").unlink(), r"tokenizer.model is missing in 'model'"),
    (lambda model: (model / "tokenizer.model").write_bytes(b"no"), r"tokenizer.model of 'model' cannot be read"),
    (lambda model: (model / "config.json").write_text("{"), r"config.json of 'model' cannot be read"),
    (lambda model: (model / "config.json").write_text("{}"), r"expected a LLaVA-1.5 checkpoint"),
    (lambda model: (model / "pytorch_model-00002-of-00002.bin").unlink(), r"00002.bin is missing in 'model'"),
    (lambda model: _halve(model / "pytorch_model-00001-of-00002.bin"), r"00001-of-00002.bin of 'model' cannot"),
    (lambda model: _halve(model.parent / "clip" / "model.safetensors"), r"model.safetensors of 'clip' cannot"),
    (lambda model: write_shards(model, {"model.norm.weight": torch.ones(32)}), r"weights of 'model' with 'clip'"),
    (lambda model: (model.parent / "clip" / "preprocessor_config.json").unlink(), r"'clip' is no checkpoint"),
]


@pytest.mark.parametrize(("harm", "message"), HARM)
def test_a_wrong_file_is_named(tmp_path: Path, harm: Callable[[Path], object], message: str) -> None:
    build(tmp_path)
    harm(tmp_path / "model")
    with pytest.raises(SpecialistError, match=message):
        Aesexpert(weights=tmp_path)


def test_a_pickle_with_code_is_refused(tmp_path: Path) -> None:
    build(tmp_path)
    torch.save({"model.norm.weight": _Harm()}, tmp_path / "model" / "pytorch_model-00001-of-00002.bin")
    with pytest.raises(SpecialistError, match="cannot be read"):
        Aesexpert(weights=tmp_path)


def test_saying_nothing_is_declined(tmp_path: Path) -> None:
    build(tmp_path, biased=0)
    assert isinstance(Aesexpert(weights=tmp_path)(views()[:1])[0], Declined)


def test_long_texts_end_with_a_sentence_where_they_can() -> None:
    assert cut("One two three. Four five six. Seven eight nine ten.", 8) == "One two three. Four five six."
    assert cut("One. Two three four five six seven eight nine ten", 5) == "One. Two three four five …"
    assert cut(" a  b ", 10) == "a b"


class _Harm:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("code ran",)


class _Slow:
    """Sentencepiece with a BOS in front: what the slow tokenizer gives."""

    def __init__(self, pieces: Any) -> None:
        self.pieces = pieces
        self.bos_token_id = pieces.bos_id()

    def __call__(self, text: str) -> dict[str, list[int]]:
        return {"input_ids": [self.bos_token_id, *self.pieces.EncodeAsIds(text)]}


def _halve(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


class _Server:
    """Answers every call with `status` and `content`, and keeps what came."""

    def __init__(self) -> None:
        self.status, self.content = 200, b""
        self.came: list[tuple[str, str, dict[str, Any]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.came.append((self.path, self.headers.get("Authorization", ""), body))
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(outer.content)))
                self.end_headers()
                self.wfile.write(outer.content)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()
        self.address = f"http://127.0.0.1:{self.server.server_port}/v1"

    def says(self, text: str | None, *, model: str = "aesexpert-7b") -> None:
        self.content = json.dumps({"model": model, "choices": [{"message": {"content": text}}]}).encode()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def server() -> Iterator[_Server]:
    running = _Server()
    yield running
    running.close()


def test_a_server_is_asked_the_same_of_every_image(server: _Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTORATER_AESEXPERT_KEY", "secret")
    server.says(" Warm light.\nGood balance. ")
    specialist = Aesexpert(server=server.address, model="aes")
    assert texts(specialist(views())) == ["Warm light. Good balance. (written by aesexpert-7b)"] * 3
    for path, key, body in server.came:
        assert (path, key) == ("/v1/chat/completions", "Bearer secret")
        assert (body["model"], body["temperature"], body["max_tokens"]) == ("aes", 0, 240)
        image, text = body["messages"][0]["content"]
        assert image["image_url"]["url"].startswith("data:image/png;base64,")
        assert text["text"] == "Describe the aesthetic experience of this image in detail."
    assert len({body["messages"][0]["content"][0]["image_url"]["url"] for _, _, body in server.came}) == 3


@pytest.mark.parametrize(
    ("status", "content", "message"),
    [
        (401, b'{"error": "bad key"}', "HTTP 401: .*bad key.*: check the key in AUTORATER_AESEXPERT_KEY"),
        (404, b"", "HTTP 404: .*check the address and the model's name"),
        (500, b"boom", "HTTP 500: boom: see the server's log"),
        (200, b"<html>", "expected a JSON object, got b'<html>'"),
        (200, b'{"choices": []}', "the answer holds no text"),
        (200, b'{"choices": [{"message": {"content": "  "}}]}', "the answer holds no text"),
    ],
)
def test_an_answer_that_is_none_fails_with_a_reason(server: _Server, status: int, content: bytes, message: str) -> None:
    server.status, server.content = status, content
    outcome = Aesexpert(server=server.address)(views()[:1])[0]
    assert isinstance(outcome, Failed)

    assert re.search(message, outcome.error), outcome.error


def test_a_dead_server_fails_with_a_reason(server: _Server) -> None:
    server.close()
    outcome = Aesexpert(server=server.address)(views()[:1])[0]
    assert isinstance(outcome, Failed)
    assert "is the server running?" in outcome.error


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(SpecialistError, match="expected an address"):
        Aesexpert(server="localhost:8000")
    with pytest.raises(SpecialistError, match="needs a local checkpoint or the address"):
        Aesexpert()
    with pytest.raises(SpecialistError, match="at least 10"):
        Aesexpert(server="http://127.0.0.1:1/v1", max_words=3)
