"""Which packstats this is; the same as in pyproject.toml, held together by a test."""

VERSION = "0.1.0"
