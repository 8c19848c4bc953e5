"""Markdown with front matter."""

import hashlib
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from autorater.document import describe_errors, read_document
from autorater.errors import UsageError


class Meta(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    size: int = 1


def test_a_document_is_meta_body_and_digest() -> None:
    text = "---\nname: fox\n---\n\nBody\n---\nmore\n\n"
    found = read_document(text, Meta, name="fox.md")
    assert (found.name, found.meta.name, found.body) == ("fox.md", "fox", "Body\n---\nmore\n")
    assert found.digest == hashlib.sha256(text.encode()).hexdigest()
    assert read_document(text.replace("\n", "\r\n"), Meta, name="fox.md") == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected YAML front matter"),
        ("---\nname: fox\n", "expected YAML front matter"),
        (" ---\nname: fox\n---\n", "expected YAML front matter"),
        ("---\nname: [\n---\n", "the front matter is not valid YAML"),
        ("---\n\n---\n", "the value: input should be a valid dictionary"),
        ("---\nsize: 2\n---\n", "name: field required"),
        ("---\nname: fox\nsize: big\n---\n", "size: input should be a valid integer, unable to parse string as an "),
        ("---\nname: fox\ncolour: red\n---\n", "colour: extra inputs are not permitted"),
        ("---\nname: !!python/object/apply:os.system [true]\n---\n", "the front matter is not valid YAML"),
    ],
)
def test_a_document_that_is_not_in_order_says_where(text: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_document(text, Meta, name="fox.md")
    assert str(raised.value).startswith(f"fox.md: {message}")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": 5}, "name: input should be a valid string, got 5"),
        ({"name": None}, "name: input should be a valid string, got None"),
        ({"name": {"a": 1}}, "name: input should be a valid string"),
        ({"name": "x", "size": "y" * 100}, "got '" + "y" * 56 + "…"),
        ({}, "name: field required"),
        ({"name": "x", **{f"n{n}": 1 for n in range(9)}}, "n4: extra inputs are not permitted (and 4 more)"),
    ],
)
def test_findings_are_one_line_with_what_came(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Meta.model_validate(fields)
    said = describe_errors(raised.value)
    assert words in said
    assert "\n" not in said
