"""The YAML model of a locator: one element of a page, found by its ARIA role, its label, its text or by CSS."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from contracts.schema.fields import Strict

Text = Annotated[str, Field(min_length=1, max_length=400)]

Role = Literal[
    "alert",
    "alertdialog",
    "article",
    "banner",
    "button",
    "cell",
    "checkbox",
    "columnheader",
    "combobox",
    "contentinfo",
    "dialog",
    "form",
    "grid",
    "gridcell",
    "group",
    "heading",
    "img",
    "link",
    "list",
    "listbox",
    "listitem",
    "main",
    "menu",
    "menuitem",
    "navigation",
    "option",
    "paragraph",
    "radio",
    "region",
    "row",
    "rowheader",
    "search",
    "searchbox",
    "spinbutton",
    "status",
    "strong",
    "switch",
    "tab",
    "table",
    "tabpanel",
    "textbox",
]
"""The ARIA roles (WAI-ARIA 1.2) that a locator may name."""


class Locator(Strict):
    """One element, found as a person finds it: by role and name, by label, by text; by CSS only where nothing holds.

    Exactly one element must match, or the flow stops. `name`, `label` and `text` may hold `${CEL}`.
    """

    # role, label and text are what people see, so they outlive a new layout, which CSS does not
    role: Role | None = None
    name: Text | None = None
    level: int | None = Field(None, ge=1, le=6, description="of a heading")
    label: Text | None = None
    text: Text | None = None
    css: Text | None = None
    # a part of a name fits more elements, and the second match stops the flow
    exact: bool = Field(True, description="false: the name, label or text may be part of a longer one")
    within: "Locator | None" = None

    @model_validator(mode="after")
    def _one_way(self) -> "Locator":
        if sum(way is not None for way in (self.role, self.label, self.text, self.css)) != 1:
            raise ValueError("a locator names exactly one of role, label, text, css")
        if self.role is None and (self.name is not None or self.level is not None):
            raise ValueError("`name` and `level` belong to a role")
        # INVARIANT 9: a value in a selector could choose another element than the one that was approved
        if self.css is not None and "${" in self.css:
            raise ValueError("no value goes into CSS; use a role, a label or a text")
        return self

    def __str__(self) -> str:
        way = next(w for w in ("role", "label", "text", "css") if getattr(self, w) is not None)
        words = f"{self.role} `{self.name}`" if self.name else f"{way} `{getattr(self, way)}`"
        return f"{words} in {self.within}" if self.within else words
