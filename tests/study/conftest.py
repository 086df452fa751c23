"""A small set of orders, made once for all tests of the study."""

import contextlib
import io
from pathlib import Path

import pytest

from study import generator


@pytest.fixture(scope="session")
def orders_xs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study") / "XS"
    with contextlib.redirect_stderr(io.StringIO()):
        assert generator.main(["--size", "XS", "--out", str(folder)]) == 0
    return folder
