"""Generated YAML is one text, whichever of PyYAML's two printers writes it."""

from __future__ import annotations

import string
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp.sql import model
from cdp.sql.model import yaml_text

HOSTILE = st.text(
    alphabet="ab :-#'\"{}[],&*!|>%@`?=~01.\n\t\\é日\x07\x85\u2028\u00a0😀", max_size=150
)
PLAIN = st.text(alphabet=string.ascii_letters + string.digits + " ,.:'-é\n", max_size=250)
TEXTS = HOSTILE | PLAIN
CONTENT = st.fixed_dictionaries(
    {
        "version": st.just(2),
        "models": st.lists(
            st.fixed_dictionaries(
                {"name": TEXTS, "description": TEXTS, "enforced": st.booleans(), "tests": TEXTS}
            ),
            max_size=3,
        ),
    }
)


@settings(max_examples=300, deadline=None)
@given(content=CONTENT)
def test_the_text_is_that_of_the_printer_in_python(content: dict[str, Any]) -> None:
    text = yaml_text(content)
    assert text == yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


def test_a_python_without_the_printer_in_c_writes_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = {"models": [{"name": "int_features", "description": "One row a profile. " * 20}]}
    text = yaml_text(content)
    monkeypatch.setattr(model, "_FASTEST", yaml.SafeDumper)
    assert yaml_text(content) == text
