"""Evidence that was changed on its way, in every manner that we could think of."""

import base64
import io
import json
import re
import shutil
import stat
import struct
import subprocess
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Invalid, TooLarge
from gateway.evidence import archive
from gateway.evidence.manifest import FORMAT, MANIFEST, SIGNATURE, spelled
from gateway.evidence.seal import ALGORITHM, PublicKey, Seal, new_seal, read_public, read_seal
from gateway.evidence.verify import Genuine, verify

SEAL, OTHER = new_seal(), new_seal()
FILES = {
    "conversation.txt": b"The kettle came without its lid.\n",
    "messages.json": b'[\n{"number":1}\n]\n',
    "files/1-1.jpg": bytes(range(256)),
    "mails/1-in.eml": b"From: tom@customer.example.org\r\n\r\nHello\r\n",
}
Facts = dict[str, Any]


def manifest_of(files: dict[str, bytes], seal: Seal = SEAL, **more: object) -> Facts:
    listed = [{"name": n, "size": len(data), "sha256": sha256(data).hexdigest()} for n, data in files.items()]
    key = {"algorithm": ALGORITHM, "public": seal.public.text, "fingerprint": seal.public.fingerprint}
    return {"format": FORMAT, "case": {"id": "case_1"}, "key": key, "files": listed, **more}


def written(files: dict[str, bytes]) -> bytes:
    """An archive of ours with these files."""
    out = io.BytesIO()
    writer = archive.Writer(out)
    for name, data in files.items():
        writer.add(name, [data])
    writer.close()
    return out.getvalue()


def signed(files: dict[str, bytes], manifest: bytes, seal: Seal = SEAL) -> bytes:
    return written({**files, MANIFEST: manifest, SIGNATURE: seal.sign(manifest)})


WHOLE = signed(FILES, spelled(manifest_of(FILES)))


def check(data: bytes, key: PublicKey | None = SEAL.public) -> Genuine:
    return verify(io.BytesIO(data), key)


def trouble(data: bytes, key: PublicKey | None = SEAL.public) -> str:
    """What is said to be wrong."""
    with pytest.raises(Invalid) as caught:
        check(data, key)
    return caught.value.text


def zipped(
    members: dict[str, bytes], change: Callable[[zipfile.ZipInfo], None] = lambda info: None, compression: int = 0
) -> bytes:
    """An archive by somebody else's program."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as other:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = compression
            change(info)
            other.writestr(info, data)
    return out.getvalue()


def members_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as whole:
        return {name: whole.read(name) for name in whole.namelist()}


def test_what_was_not_changed_is_genuine() -> None:
    for key in (SEAL.public, None):
        genuine = check(WHOLE, key)
        assert genuine.key == SEAL.public
        assert genuine.manifest["case"] == {"id": "case_1"}


def test_other_programs_read_it(tmp_path: Path) -> None:
    assert members_of(WHOLE) == {
        **FILES,
        MANIFEST: spelled(manifest_of(FILES)),
        SIGNATURE: members_of(WHOLE)[SIGNATURE],
    }
    if unzip := shutil.which("unzip"):
        (tmp_path / "evidence.zip").write_bytes(WHOLE)
        done = subprocess.run([unzip, "-t", str(tmp_path / "evidence.zip")], capture_output=True, text=True)
        assert (done.returncode, "No errors detected" in done.stdout) == (0, True), done.stdout


@given(place=st.integers(0, len(WHOLE) - 1), flip=st.integers(1, 255))
def test_no_byte_can_be_changed(place: int, flip: int) -> None:
    changed = bytearray(WHOLE)
    changed[place] ^= flip
    assert trouble(bytes(changed), None)


@given(place=st.integers(0, len(WHOLE)), more=st.binary(min_size=1, max_size=80))
def test_nothing_can_be_put_in(place: int, more: bytes) -> None:
    assert trouble(WHOLE[:place] + more + WHOLE[place:], None)


@given(begin=st.integers(0, len(WHOLE) - 1), length=st.integers(1, len(WHOLE)))
def test_nothing_can_be_cut_out(begin: int, length: int) -> None:
    assert trouble(WHOLE[:begin] + WHOLE[begin + length :], None)


@given(st.binary(max_size=200))
def test_anything_else_is_no_evidence(data: bytes) -> None:
    assert trouble(data, None)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda v: st.lists(v) | st.dictionaries(st.text(), v),
        max_leaves=8,
    )
)
def test_any_manifest_that_somebody_has_signed_is_answered(value: Any) -> None:
    """Whoever made it may have signed it; nothing in it is believed before it is looked at."""
    facts = manifest_of(FILES)
    for name in ("files", "key", "format"):
        assert trouble(signed(FILES, spelled({**facts, name: value})), None)
    check(signed(FILES, spelled({**facts, "case": value})), None)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("conversation.txt", b"The kettle came with its lid.\n", "conversation.txt: it has 30 bytes, and was signed"),
        ("conversation.txt", b"The kettle came with out its lid\n", "conversation.txt: its bytes are not those"),
        ("files/2-1.jpg", b"", "files/2-1.jpg: it is in the archive and not in the manifest"),
    ],
)
def test_a_file_that_was_changed_or_added_is_named(name: str, data: bytes, said: str) -> None:
    assert said in trouble(signed({**FILES, name: data}, spelled(manifest_of(FILES))))


def test_a_file_that_is_missing_is_named() -> None:
    fewer = {name: data for name, data in FILES.items() if name != "mails/1-in.eml"}
    said = trouble(signed(fewer, spelled(manifest_of(FILES))))
    assert said == "mails/1-in.eml: it is in the manifest and not in the archive"


def test_every_changed_file_is_named_at_once() -> None:
    changed = {name: bytes(len(data)) for name, data in FILES.items()}
    said = trouble(signed(changed, spelled(manifest_of(FILES))))
    assert all(name in said for name in FILES)


def test_a_manifest_of_other_evidence_does_not_fit() -> None:
    other = {"conversation.txt": b"Other words.\n"}
    assert "conversation.txt" in trouble(signed(FILES, spelled(manifest_of(other))))


def test_a_signature_of_other_evidence_does_not_fit() -> None:
    manifest, other = spelled(manifest_of(FILES)), spelled(manifest_of({}))
    said = trouble(written({**FILES, MANIFEST: manifest, SIGNATURE: SEAL.sign(other)}))
    assert said.startswith("manifest.sig: the signature is not of the key")


def test_whoever_signs_it_anew_with_his_own_key_is_found_out_by_the_published_one() -> None:
    forged = {**FILES, "conversation.txt": b"I never asked for my money back.\n"}
    data = signed(forged, spelled(manifest_of(forged, OTHER)), OTHER)
    assert check(data, None).key == OTHER.public  # whole, whoever made it
    said = trouble(data, SEAL.public)
    assert OTHER.public.fingerprint in said
    assert SEAL.public.fingerprint in said


def test_a_key_that_is_only_named_signs_nothing() -> None:
    forged = {**FILES, "conversation.txt": b"I never asked for my money back.\n"}
    assert "manifest.sig" in trouble(signed(forged, spelled(manifest_of(forged)), OTHER))


@pytest.mark.parametrize(
    "manifest",
    [
        json.dumps(manifest_of(FILES), indent=2).encode(),
        b'{"files":[],' + spelled(manifest_of(FILES))[1:],  # a name twice
        b"[" * 100_000,
        b"\xff\xfe",
        b"",
        spelled(manifest_of(FILES)).replace(b'"size":256', b'"size":256.0'),
    ],
    ids=["another spelling", "a name twice", "deep", "no UTF-8", "empty", "a number that is no whole one"],
)
def test_a_manifest_in_another_form_is_refused(manifest: bytes) -> None:
    assert MANIFEST in trouble(signed(FILES, manifest))


def test_a_file_listed_twice_is_refused() -> None:
    facts = manifest_of(FILES)
    facts["files"].append(facts["files"][0])
    assert "list of files" in trouble(signed(FILES, spelled(facts)))


def test_a_manifest_must_be_the_last_but_one() -> None:
    manifest = spelled(manifest_of(FILES))
    first = written({MANIFEST: manifest, SIGNATURE: SEAL.sign(manifest), **FILES})
    assert trouble(first) == "it does not end with manifest.json and manifest.sig"


# Archives by other programs: what they hold may even be genuine, but programs disagree about what it is.


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd.txt", "../conversation.txt", "files/../../x.txt", "C:\\x.txt", "files\\1.jpg", "Conversation.txt",
     "con.", ".txt", "files/", "a/b/c.txt", "conversation.txt\0.exe", "\u202ecod.txt", "x" * 60_000 + ".txt"],
)  # fmt: skip
def test_a_name_that_is_not_ours_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name for a member"):
        written({name: b""})
    given = name.encode()[:44].ljust(44, b"\n")
    assert "no file of ours has such a name" in trouble(
        written({"a" * 40 + ".txt": b""}).replace(b"a" * 40 + b".txt", given)
    )


def test_a_repacked_archive_is_refused_even_with_the_same_files() -> None:
    assert trouble(zipped(members_of(WHOLE)))
    assert "it is compressed" in trouble(zipped(members_of(WHOLE), compression=zipfile.ZIP_DEFLATED))


def test_two_files_of_one_name_are_refused() -> None:
    one, manifest = written({"a1.txt": b"right", "b1.txt": b"wrong"}), spelled(manifest_of(FILES))
    assert "b1.txt" in trouble(signed({"a1.txt": b"", "b1.txt": b""}, manifest))  # else nothing of this would show
    assert trouble(one.replace(b"b1.txt", b"a1.txt")) == "a1.txt: there are two files of this name"


def test_a_link_is_refused() -> None:
    def as_link(info: zipfile.ZipInfo) -> None:
        info.external_attr = (stat.S_IFLNK | 0o777) << 16

    assert "a link" in trouble(zipped({"conversation.txt": b"/etc/passwd"}, as_link))


def test_a_bomb_is_refused_before_it_unfolds() -> None:
    bomb = zipped({"conversation.txt": bytes(50_000_000)}, compression=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 100_000
    assert "it is compressed" in trouble(bomb)


@pytest.mark.parametrize("size", [0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF])
def test_sizes_that_are_not_there_are_refused(size: int) -> None:
    """Of a member, in its header and in the directory."""
    one = written({"a1.txt": b"right"})
    assert trouble(one.replace(struct.pack("<II", 5, 5), struct.pack("<II", size, size)))


@pytest.mark.parametrize("place", [8, 10, 12, 16])
def test_an_end_that_promises_too_much_is_refused(place: int) -> None:
    one = written({"a1.txt": b"right"})
    end = bytearray(one[-22:])
    end[place : place + 2] = b"\xff\xff"
    assert trouble(one[:-22] + bytes(end))


def test_a_second_archive_behind_the_first_is_refused() -> None:
    assert trouble(WHOLE + written({"conversation.txt": b"Other words."}))
    assert trouble(written({"conversation.txt": b"Other words."}) + WHOLE)
    assert trouble(WHOLE + b"\n") == "something stands behind the end of the archive"


def test_a_comment_is_refused() -> None:
    assert "behind the end" in trouble(WHOLE[:-2] + b"\x05\x00hello")


def test_more_than_an_offset_can_tell_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_MOST_MEMBERS", 2)
    with pytest.raises(TooLarge):
        written({"a1.txt": b"", "b1.txt": b"", "c1.txt": b"", "d1.txt": b""})
    monkeypatch.setattr(archive, "_MOST_BYTES", 1_000)
    with pytest.raises(TooLarge):
        written({"a1.txt": bytes(1_001)})


# Keys


def test_a_public_key_is_read_from_whatever_people_copy() -> None:
    public = SEAL.public
    for text in (public.pem, public.text, f"  {public.text}\n", public.pem.replace("\n", "\r\n")):
        assert read_public(text, "--key") == public
    assert read_public(base64.b64encode(public.der[-32:]).decode(), "--key") == public


@pytest.mark.parametrize("text", ["", "abc", "A" * 60, "-----BEGIN PUBLIC KEY-----", "ü", "A" * 100_000])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read_public(text, "--key")


def test_a_private_key_comes_back_as_it_was() -> None:
    again = read_seal(SEAL.pem().encode(), "file")
    assert again.public == SEAL.public
    assert again.sign(b"words") == SEAL.sign(b"words")
    with pytest.raises(Invalid):
        read_seal(b"no key", "file")


def test_people_can_check_it_by_hand(tmp_path: Path) -> None:
    """As docs/evidence.md tells them, with the programs that it names."""
    if not all(map(shutil.which, ("openssl", "unzip", "sha256sum", "jq"))):
        pytest.skip("a program is missing")
    (tmp_path / "evidence.zip").write_bytes(WHOLE)
    (tmp_path / "key.pem").write_text(SEAL.public.pem)
    docs = (Path(__file__).parents[2] / "docs" / "evidence.md").read_text()
    (commands,) = re.findall(r"## By hand.*?```sh\n(.*?)```", docs, re.DOTALL)

    def by_hand() -> subprocess.CompletedProcess[str]:
        return subprocess.run(["sh", "-e", "-c", commands], cwd=tmp_path, capture_output=True, text=True)

    done = by_hand()
    assert done.returncode == 0, done.stderr
    assert SEAL.public.fingerprint in done.stdout
    assert "Signature Verified Successfully" in done.stdout
    assert all(f"{name}: OK" in done.stdout for name in FILES)
    shutil.rmtree(tmp_path / "evidence")
    (tmp_path / "key.pem").write_text(OTHER.public.pem)
    assert by_hand().returncode != 0
