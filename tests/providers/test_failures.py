"""How errors are read: waits, quotas, policies, and what is passed on untouched."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import IPv4Address
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from questions import RATING, png, rating
from wire_answers import connect, failed, responses, written
from wire_server import Answer, WireServer

from autorater.errors import ProviderError, RateLimited, Unavailable, UsageError
from autorater.image import open_picture
from autorater.messages import Conversation, Image, Turn
from autorater.model import Question


async def error_of(server: WireServer, provider: str, answer: Answer) -> ProviderError:
    server.then(answer)
    with pytest.raises(ProviderError) as caught:
        await connect(provider, server.url).ask(rating())
    return caught.value


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"Retry-After-Ms": "1500", "Retry-After": "9"}, 1.5),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("provider", ["openai", "anthropic", "google", "google-decisions"])
async def test_the_wait_that_is_asked_for(
    server: WireServer, provider: str, headers: dict[str, str], seconds: float | None
) -> None:
    error = await error_of(server, provider, failed(provider, 429, "Slow down.", headers=headers))
    assert isinstance(error, RateLimited)
    assert error.retry_after == seconds


async def test_a_wait_until_a_date(server: WireServer) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    error = await error_of(server, "openai", failed("openai", 503, "Down.", headers={"retry-after": date}))
    assert isinstance(error, Unavailable)
    assert error.retry_after is not None
    assert 25 < error.retry_after <= 30


async def test_a_date_that_has_passed(server: WireServer) -> None:
    date = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
    error = await error_of(server, "anthropic", failed("anthropic", 529, "Busy.", headers={"retry-after": date}))
    assert isinstance(error, Unavailable)
    assert error.retry_after == 0


async def test_googles_wait_is_in_the_body(server: WireServer) -> None:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "27.5s"}
    error = await error_of(
        server, "google", failed("google", 429, "Slow down.", code="RESOURCE_EXHAUSTED", details=[info])
    )
    assert isinstance(error, RateLimited)
    assert error.retry_after == 27.5


QUOTAS = {
    "openai": failed("openai", 429, "You exceeded your current quota.", code="insufficient_quota"),
    "anthropic": failed("anthropic", 429, "You have reached your organization's spend limit.", code="rate_limit_error"),
    "google": failed(
        "google",
        429,
        "You exceeded your current quota.",
        code="RESOURCE_EXHAUSTED",
        details=[
            {"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},
            {"retryDelay": "27s"},
        ],
    ),
}


@pytest.mark.parametrize("provider", QUOTAS)
async def test_a_used_up_quota_is_not_waited_for(server: WireServer, provider: str) -> None:
    error = await error_of(server, provider, QUOTAS[provider])
    assert type(error) is ProviderError
    assert error.status == 429
    assert "waiting does not help" in str(error)


async def test_googles_quota_of_a_minute_is_waited_for(server: WireServer) -> None:
    details = [{"violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel"}]}]
    answer = failed("google", 429, "You exceeded your current quota, check your billing details.", details=details)
    assert isinstance(await error_of(server, "google", answer), RateLimited)


async def test_an_empty_account(server: WireServer) -> None:
    answer = failed("anthropic", 400, "Your credit balance is too low to access the API.", code="invalid_request_error")
    error = await error_of(server, "anthropic", answer)
    assert type(error) is ProviderError
    assert "billing page" in str(error)


POLICIES = {
    "openai": failed("openai", 400, "Your prompt was flagged.", code="content_policy_violation"),
    "anthropic": failed("anthropic", 400, "Output blocked by content filtering policy", code="invalid_request_error"),
    "google": failed("google", 400, "The request violates our content policy.", code="INVALID_ARGUMENT"),
    "compatible": failed("compatible", 400, "The response was filtered.", code="content_filter"),
    "openai-decisions": failed("openai", 400, "The image was rejected.", code="image_content_policy_violation"),
    "google-decisions": failed("google", 400, "The request violates our content policy.", code="INVALID_ARGUMENT"),
}


@pytest.mark.parametrize("provider", POLICIES)
async def test_an_error_of_policy_is_a_refusal(server: WireServer, provider: str) -> None:
    server.then(POLICIES[provider])
    reply = await connect(provider, server.url).ask(rating())
    assert reply.finish == "refusal"
    assert reply.refusal
    assert reply.raw == POLICIES[provider].body


async def test_the_request_id_of_an_error(server: WireServer) -> None:
    for provider, header in (("openai", "x-request-id"), ("anthropic", "request-id")):
        error = await error_of(server, provider, failed(provider, 500, "Oh.", headers={header: "req_9"}))
        assert error.request_id == "req_9"


@pytest.mark.parametrize(
    ("code", "kind"),
    [("server_error", Unavailable), ("rate_limit_exceeded", RateLimited), ("invalid_image", ProviderError)],
)
async def test_a_response_that_failed_after_it_was_accepted(
    server: WireServer, code: str, kind: type[ProviderError]
) -> None:
    answer = responses([], status="failed", error={"code": code, "message": "It failed."})
    error = await error_of(server, "openai", answer)
    assert type(error) is kind
    assert "It failed." in str(error)


async def test_a_response_that_failed_by_policy(server: WireServer) -> None:
    error = {"code": "image_content_policy_violation", "message": "No."}
    server.then(responses([], status="failed", error=error))
    reply = await connect("openai", server.url).ask(rating())
    assert (reply.finish, reply.refusal) == ("refusal", "No.")


async def test_an_answer_stopped_by_a_filter(server: WireServer) -> None:
    server.then(responses([{"type": "output_text", "text": "The"}], incomplete="content_filter"))
    reply = await connect("openai", server.url).ask(rating())
    assert (reply.finish, reply.refusal, reply.text) == ("refusal", "content_filter", "")


async def test_more_pictures_than_the_model_takes(server: WireServer) -> None:
    parts = tuple(Image(open_picture(png(shade, 0, 0))) for shade in range(21))
    question = Question(Conversation("", (Turn("user", parts),)), "rating", RATING)
    with pytest.raises(UsageError, match="at most 20 images in one call, got 21"):
        await connect("anthropic", server.url).ask(question)
    assert server.received == []


class NotOfTheNetwork(Exception):
    """What a recording without the call would raise."""


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google-decisions"])
async def test_a_foreign_error_in_the_transport_is_passed_on(
    server: WireServer, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDKs wrap it, Anthropic's would even repeat it: it must come out as it went in, at once."""
    calls: list[str] = []

    async def send(*args: object, **kwargs: object) -> httpx2.Response:
        calls.append("call")
        raise NotOfTheNetwork("no such recording")

    monkeypatch.setattr(httpx2.AsyncClient, "send", send)
    with pytest.raises(NotOfTheNetwork, match="no such recording"):
        await connect(provider, server.url).ask(rating())
    assert calls == ["call"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody has signed but itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    file.write_bytes(secret + made.public_bytes(pem))
    return file


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google", "compatible", "google-decisions"])
async def test_a_certificate_that_nobody_signed_is_not_trusted(provider: str, certificate: Path) -> None:
    with WireServer(certificate=certificate) as server:
        server.then(written("openai"))
        with pytest.raises(ProviderError, match="certificate is not trusted") as caught:
            await connect(provider, server.url).ask(rating())
    assert type(caught.value) is ProviderError
    assert server.received == [], "neither the key nor the pictures may reach a stranger"


async def test_an_html_error_page_is_shortened(server: WireServer) -> None:
    error = await error_of(server, "openai", Answer("<html>" + "x" * 5000, status=403))
    assert len(str(error)) < 500
    assert written("openai").status == 200
