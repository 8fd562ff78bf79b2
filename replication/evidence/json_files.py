"""Files of JSON that a model of pydantic describes."""

from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from replication.base.errors import UserError

Kind = TypeVar("Kind")


def read_json(path: Path, kind: type[Kind], remedy: str) -> Kind:
    """What ``path`` holds; a UserError if it is missing, damaged or of another kind."""
    try:
        return TypeAdapter(kind).validate_json(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", remedy) from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        problem = f"{path} is damaged: {key + ': ' if key else ''}{first['msg']}"
        raise UserError(problem, remedy) from None
