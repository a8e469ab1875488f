"""What a server takes to start: read from a process's own figures, and bounded."""

import pytest

from benchmarks.serving.footprint import by_mapping, without_arrays

SMAPS = """\
55d0-55d1 r--p 00000000 fe:00 12 /usr/bin/python3.11
Rss:                 400 kB
Pss:                 100 kB
55e0-55e1 rw-p 00000000 00:00 0 [heap]
Rss:                3000 kB
Pss:                3000 kB
7f00-7f01 r-xp 00000000 fe:00 13 /opt/lib/onnx runtime.so.1 (deleted)
Rss:                2000 kB
Pss:                1000 kB
7f02-7f03 rw-p 00000000 fe:00 13 /opt/lib/onnx runtime.so.1 (deleted)
Rss:                 500 kB
Pss:                 500 kB
7f04-7f05 r--s 00000000 fe:00 14 /var/lib/aune/versions/a/b/1.0.0/bundle.zip
Rss:                8000 kB
Pss:                8000 kB
"""


def test_memory_is_told_apart_by_what_is_mapped_and_by_who_else_maps_it():
    """1 kB of proc is 1,024 bytes; figures are MB of 10^6: 1,000 kB are 1.024 MB."""
    pss = by_mapping(SMAPS)
    assert pss == pytest.approx(
        {"other": 0.1024, "heap": 3.072, "code": 1.024, "data": 0.512, "arrays": 8.192}
    )
    assert by_mapping(SMAPS, "Rss")["code"] == pytest.approx(2.048)
    assert without_arrays(pss) == pytest.approx(0.1024 + 3.072 + 1.024 + 0.512)
