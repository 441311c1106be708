from __future__ import annotations

from vpsbench.wording.text import listed, plain, sentence


def test_marks_that_mislead_the_eye_are_spelt_out() -> None:
    assert plain("a\u202eb\x1b[31m\u200b\ud800") == "a\\u202eb\\u001b[31m\\u200b\\ud800"
    assert plain("two\nlines") == "two lines"
    assert plain("x" * 5000, 10) == "x" * 9 + "…"


def test_lists_and_sentences_end_as_they_should() -> None:
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed([]) == ""
    assert sentence("so it is") == "so it is."
    assert sentence("so it is.") == "so it is."
