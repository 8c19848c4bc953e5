"""Markdown with YAML front matter → validated meta, body, digest. Prompts and cards are both such files."""

from dataclasses import dataclass
from typing import Generic, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from autorater.canonical import digest
from autorater.errors import UsageError

Meta = TypeVar("Meta", bound=BaseModel)
_LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The same safe subset of YAML, by libyaml where the package was built with it: cards are read at every start."""


@dataclass(frozen=True, slots=True)
class Document(Generic[Meta]):
    """One file: `meta` validated, `body` without the front matter, `digest` the sha256 of all its bytes."""

    name: str
    meta: Meta
    body: str
    digest: str


def read_document(text: str, meta: type[Meta], *, name: str) -> Document[Meta]:
    """Read `text`, which starts with YAML front matter between two lines of `---`; CRLF line ends are read as LF.

    Raises:
        UsageError: no front matter, broken YAML, or fields that `meta` does not have.

    """
    text = text.replace("\r\n", "\n")
    head, fence, body = text.removeprefix("---\n").partition("\n---\n")
    if not text.startswith("---\n") or not fence:
        raise UsageError(f"{name}: expected YAML front matter between two lines of '---' at the top of the file")
    try:
        fields = yaml.load(head, Loader=_LOADER)
        return Document(name, meta.model_validate(fields), body.strip("\n") + "\n", digest(text.encode()))
    except yaml.YAMLError as error:
        raise UsageError(f"{name}: the front matter is not valid YAML: {error}") from error
    except ValidationError as error:
        raise UsageError(f"{name}: {describe_errors(error)}") from error


def describe_errors(error: ValidationError) -> str:
    """Pydantic's findings in one line: where, what was expected, what came."""
    told = error.errors(include_url=False)
    found = [
        f"{'.'.join(str(step) for step in item['loc']) or 'the value'}: "
        f"{item['msg'].lower().removeprefix('value error, ')}{_came(item['type'], item['input'])}"
        for item in told[:5]
    ]
    return "; ".join(found) + (f" (and {len(told) - 5} more)" if len(told) > 5 else "")


def _came(kind: str, value: object) -> str:
    """What came, where it is one value and was not told already."""
    if kind in ("missing", "extra_forbidden", "json_invalid") or not isinstance(value, str | int | float | None):
        return ""
    text = repr(value)
    return f", got {text if len(text) <= 60 else text[:57] + '…'}"
