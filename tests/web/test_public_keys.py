"""Signatures that others made: the test vectors of RFC 6979, and what OpenSSL signs and certifies."""

from __future__ import annotations

import base64
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from gateway.web.providers.public_keys import certified_rsa_key, p256_key

if TYPE_CHECKING:
    from pathlib import Path

# RFC 6979 appendix A.2.5: the public key, and r and s over "sample" and "test" with SHA-256.
X = "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
Y = "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"
SAMPLE = (
    "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
    "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
)
TEST = (
    "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367",
    "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083",
)
INFO = "3059301306072a8648ce3d020106082a8648ce3d03010703420004"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def text_of(x: str, y: str, info: str = INFO) -> str:
    return base64.b64encode(bytes.fromhex(info + x + y)).decode()


def der(r: int, s: int) -> bytes:
    numbers = (number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True) for number in (r, s))
    content = b"".join(bytes([2, len(number)]) + number for number in numbers)
    return bytes([0x30, len(content)]) + content


@pytest.mark.parametrize(("data", "signature"), [(b"sample", SAMPLE), (b"test", TEST)])
def test_the_vectors_of_rfc_6979_hold_and_nothing_near_them(data: bytes, signature: tuple[str, str]) -> None:
    key = p256_key(text_of(X, Y))
    r, s = (int(number, 16) for number in signature)
    assert key.verifies(der(r, s), data)
    assert key.verifies(der(r, ORDER - s), data)  # ECDSA has two: whoever remembers calls must not go by the signature
    assert not key.verifies(der(r, s), data + b" ")
    assert not key.verifies(der(r, s ^ 1), data)
    assert not key.verifies(der(s, r), data)


@pytest.mark.parametrize(
    "signature",
    [
        b"", b"0", b"\x30\x00", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"\x31\x06\x02\x01\x01\x02\x01\x01",
        der(0, 1), der(1, 0), der(-1, 1), der(ORDER, 1), der(1, ORDER), der(1, 1) + b"\0", der(1, 1)[:-1],
        b"\x30\x03\x02\x01\x01", b"\x30\x09" + b"\x02\x01\x01" * 3, b"\xff" * 100,
    ],
)  # fmt: skip
def test_what_is_no_signature_does_not_hold(signature: bytes) -> None:
    assert not p256_key(text_of(X, Y)).verifies(signature, b"sample")


@pytest.mark.parametrize(
    "text",
    ["", "AAAA", "not base64!", "ä", text_of(Y, X), text_of("00" * 32, "00" * 32), text_of(X, Y)[:-4],
     text_of(X, Y, INFO.replace("2a8648ce3d030107", "2a8648ce3d030108"))],
)  # fmt: skip
def test_what_is_no_key_on_the_curve_is_not_read(text: str) -> None:
    with pytest.raises(ValueError):
        p256_key(text)


@pytest.fixture
def openssl(tmp_path: Path) -> Openssl:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    return Openssl(tmp_path)


class Openssl:
    """The command, in a folder with its keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str, data: bytes = b"") -> bytes:
        done = subprocess.run(["openssl", *words], cwd=self.folder, input=data, check=True, capture_output=True)
        return done.stdout

    def certificate(self, *options: str) -> str:
        self.run("req", "-x509", *options, "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=sns.test")
        return (self.folder / "cert.pem").read_text()


@pytest.mark.parametrize("hash_name", ["sha1", "sha256"])
def test_a_certificate_gives_its_rsa_key(openssl: Openssl, hash_name: str) -> None:
    key = certified_rsa_key(openssl.certificate("-newkey", "rsa:2048"))
    signature = openssl.run("dgst", f"-{hash_name}", "-sign", "key.pem", data=b"a message")
    names = ("sha1", "sha256")
    assert [key.verifies(signature, b"a message", name) for name in names] == [name == hash_name for name in names]  # type: ignore[arg-type]
    assert not key.verifies(signature, b"another message", hash_name)  # type: ignore[arg-type]
    assert not key.verifies(signature[:-1], b"a message", hash_name)  # type: ignore[arg-type]
    assert not key.verifies(bytes(len(signature)), b"a message", hash_name)  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [("rsa:1024",), ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")])
def test_weak_and_other_keys_are_not_read(openssl: Openssl, options: tuple[str, ...]) -> None:
    with pytest.raises(ValueError):
        certified_rsa_key(openssl.certificate("-newkey", *options))


@pytest.mark.parametrize(
    "pem",
    ["", "nonsense", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----",
     "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----",
     "-----BEGIN CERTIFICATE-----\nMAIwAA==\n-----END CERTIFICATE-----"],
)  # fmt: skip
def test_what_is_no_certificate_is_not_read(pem: str) -> None:
    with pytest.raises(ValueError):
        certified_rsa_key(pem)


def test_a_cut_certificate_is_not_read(openssl: Openssl) -> None:
    body = base64.b64decode("".join(openssl.certificate("-newkey", "rsa:2048").splitlines()[1:-1]))
    for length in range(0, len(body), 37):
        cut = base64.encodebytes(body[:length]).decode()
        with pytest.raises(ValueError):
            certified_rsa_key(f"-----BEGIN CERTIFICATE-----\n{cut}-----END CERTIFICATE-----")


def test_what_openssl_signs_on_the_curve_holds(openssl: Openssl) -> None:
    openssl.run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "key.pem")
    key = p256_key(base64.b64encode(openssl.run("ec", "-in", "key.pem", "-pubout", "-outform", "DER")).decode())
    for number in range(5):
        data = b"call %d" % number
        assert key.verifies(openssl.run("dgst", "-sha256", "-sign", "key.pem", data=data), data)
