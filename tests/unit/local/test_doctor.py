"""What the doctor makes of what the tools of a machine print."""

import pytest

from local.doctor import Verdict, java_finding, libraries_finding


@pytest.mark.parametrize(
    ("output", "verdict"),
    [
        ('openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime …', Verdict.GOOD),
        ('openjdk version "25" 2025-09-16', Verdict.GOOD),
        ('java version "1.8.0_391"', Verdict.LACKS),
        ('openjdk version "11.0.2" 2019-01-15', Verdict.LACKS),
        (None, Verdict.LACKS),
    ],
)
def test_java_is_judged_by_its_version(output: str | None, verdict: Verdict) -> None:
    finding = java_finding(output)
    assert finding.verdict is verdict
    assert bool(finding.advice) == (verdict is Verdict.LACKS)


def test_missing_libraries_are_named_with_their_packages() -> None:
    finding = libraries_finding(
        "\tlibcurl.so.4 => not found\n\tlibssl.so.3 => not found\n\tlibcrypto.so.3 => not found\n\tlibc.so.6 => /lib/libc.so.6 (0x0)"
    )
    assert finding.verdict is Verdict.LACKS
    assert finding.found == "missing: libcurl.so.4, libssl.so.3, libcrypto.so.3"
    assert finding.advice == "apt-get install libcurl4 libssl3"


def test_complete_libraries_are_good_and_unknown_ones_no_lack() -> None:
    assert libraries_finding("\tlibc.so.6 => /lib/libc.so.6 (0x0)").verdict is Verdict.GOOD
    assert libraries_finding(None).verdict is Verdict.NOTE
