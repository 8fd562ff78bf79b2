"""What all settings are: frozen, strict in their types, without unknown keys."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

MOST = 2**63  # of anything that is counted: more was mistyped, and would end in an overflow
WIDEST = 2**16  # of a layer or a code: two such layers hold 17 GB
Positive = Annotated[int, Field(gt=0, le=MOST)]
Natural = Annotated[int, Field(ge=0, le=MOST)]
Width = Annotated[int, Field(gt=0, le=WIDEST)]
Dimension = Annotated[int, Field(ge=0, le=WIDEST)]
PositiveNumber = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)
