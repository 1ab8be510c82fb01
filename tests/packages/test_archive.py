"""The bytes of a package: the same for the same content, readable by the tools of others, whole or refused."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from tests.packages.support import AT, PRIVATE, members, package
from tests.packages.write_page import PAGE, page
from tradewright.packages.archive import pack, unpack
from tradewright.packages.fault import MEANING, PackageFault, PackageRefused, demand_libraries
from tradewright.packages.manifest import LISTED, MANIFEST, SIGNATURE, SIZES
from tradewright.packages.package import Trust, read, read_file, written
from tradewright.packages.signing import new_private_key, public_key_of, sign


@pytest.mark.parametrize("certificate", [None, b'{"passed":true}'])
@pytest.mark.parametrize("key", [None, PRIVATE])
def test_what_is_written_is_read_back(certificate: bytes | None, key: str | None) -> None:
    made = package(certificate=certificate)
    found = read(written(made, key))
    assert replace(found, signature=None) == made
    assert (found.signature is None) == (key is None)
    assert found.compiled()[1].hash == made.manifest.ir_hash


def test_the_same_content_and_time_are_the_same_bytes() -> None:
    assert written(package(), PRIVATE) == written(package(), PRIVATE)
    assert written(package(), None) != written(package(certificate=b"{}"), None)
    assert package().manifest.created_at == AT


def test_every_level_holds_the_same() -> None:
    packs = {level: written(package(), PRIVATE, level=level) for level in (1, 19)}
    assert len(set(packs.values())) == 2
    assert read(packs[1]) == read(packs[19])


def test_common_tools_open_it(tmp_path: Path) -> None:
    """A digest in a skippable frame, then a plain frame, as RFC 8878 has them; in it a tar of the format ustar."""
    data = written(package(), PRIVATE)
    plain = zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read()
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        assert archive.getnames() == list(members())
        archive.extractall(tmp_path, filter="data")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == members()
    assert set(SIZES) == {MANIFEST, SIGNATURE, *LISTED}


def test_what_no_reader_would_take_is_not_written() -> None:
    with pytest.raises(PackageRefused, match="unpacked, at most"):
        pack({"a": bytes(9 * 1024 * 1024)})
    with pytest.raises(PackageRefused, match="bytes, at most"):
        pack({"a": os.urandom(5 * 1024 * 1024)}, level=1)
    with pytest.raises(PackageRefused, match="no plain JSON"):
        written(package(certificate=b"{" * 3), None)


def test_a_member_of_its_largest_size_is_read() -> None:
    assert len(unpack(pack({"a": bytes(1000)}), {"a": 1000})["a"]) == 1000
    with pytest.raises(PackageRefused) as refused:
        unpack(pack({"a": bytes(1001)}), {"a": 1000})
    assert (refused.value.code, refused.value.where) == (PackageFault.FILE_TOO_LARGE, "a")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("missing", "pipe", "folder"):
        with pytest.raises(PackageRefused) as refused:
            read_file(tmp_path / name)
        assert (refused.value.code, refused.value.where) == (PackageFault.UNREADABLE, str(tmp_path / name))


def test_whom_the_settings_name_is_trusted() -> None:
    key = public_key_of(PRIVATE, "test")
    signed = read(written(package(), PRIVATE))
    assert signed.trust({"ann": key}) == (Trust.TRUSTED, "ann")
    assert signed.trust({"bob": public_key_of(new_private_key(), "test")}) == (Trust.UNTRUSTED, "")
    assert read(written(package(), None)).trust({"ann": key}) == (Trust.UNSIGNED, "")


def _openssl(*words: str) -> bytes:
    return subprocess.run(["openssl", *words], check=True, capture_output=True).stdout


def test_a_key_of_openssl_signs_and_others_do_not(tmp_path: Path) -> None:
    good, wrong = tmp_path / "good.pem", tmp_path / "wrong.pem"
    _openssl("genpkey", "-algorithm", "ed25519", "-out", str(good))
    _openssl("genpkey", "-algorithm", "x25519", "-out", str(wrong))
    assert public_key_of(good.read_text(), "test").startswith("ed25519:")
    for text in (wrong.read_text(), "", "secret words", good.read_text()[:60]):
        with pytest.raises(PackageRefused) as refused:
            sign(b"manifest", text, "--key")
        assert (refused.value.code, refused.value.where) == (PackageFault.BAD_KEY, "--key")
        assert not text or text[:30] not in str(refused.value)


def test_the_codes_of_the_page_are_those_of_the_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text, "run python -m tests.packages.write_page"
    assert set(MEANING) == set(PackageFault)


def test_missing_libraries_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    demand_libraries()
    monkeypatch.setattr("tradewright.packages.fault.find_spec", lambda name: None if name == "zstandard" else name)
    with pytest.raises(PackageRefused, match=r"pip install tradewright\[packages\]"):
        demand_libraries()
