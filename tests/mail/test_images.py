"""Images without the place where they were taken: the same pixels, upright, in every format."""

import struct
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps, PngImagePlugin
from PIL.TiffImagePlugin import IFDRational

from gateway.mail.file_types import detect
from gateway.mail.images import size, without_location

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><exif:GPSLatitude>48,51.5N</exif:GPSLatitude></x:xmpmeta>'
PLACE = b"Secret Street 7"
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")


def exif() -> Image.Exif:
    """A photo that lies on its side and tells where it was taken."""
    tags = Image.Exif()
    tags[0x0112] = 6
    tags[0x010F] = "Some Camera"
    degrees = (IFDRational(48), IFDRational(51), IFDRational(305_123, 10_000))
    tags[0x8825] = {1: "N", 2: degrees, 3: "E", 4: degrees, 0x1B: PLACE, 0x1D: "2024:05:06"}
    return tags


def picture() -> Image.Image:
    return Image.merge(
        "RGB",
        [Image.linear_gradient("L").resize((60, 40)).rotate(angle) for angle in (0, 180, 0)],
    )


def photo(format_name: str) -> bytes:
    buffer = BytesIO()
    if format_name == "PNG":
        words = PngImagePlugin.PngInfo()
        words.add_text("Comment", PLACE.decode(), zip=True)
        words.add_itxt("XML:com.adobe.xmp", XMP.decode())
        picture().save(buffer, "PNG", exif=exif(), pnginfo=words)
    elif format_name == "TIFF":
        picture().save(buffer, "TIFF", exif=exif().tobytes())
    else:
        picture().save(buffer, format_name, exif=exif(), xmp=XMP, quality=95)
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_place_is_gone_and_the_picture_the_same(format_name: str) -> None:
    data = photo(format_name)
    assert opened(data).getexif().get_ifd(0x8825), "the photo tells its place before"
    mime_type = detect("photo", data)
    clean = without_location(mime_type, data)
    assert detect("photo", clean) == mime_type
    assert PLACE not in clean
    assert b"GPSLatitude" not in clean
    assert struct.pack(">2L", 305_123, 10_000) not in clean
    assert struct.pack("<2L", 305_123, 10_000) not in clean
    before, after = opened(data), opened(clean)
    assert not after.getexif().get_ifd(0x8825)
    assert after.tobytes() == before.tobytes()
    assert ImageOps.exif_transpose(after).size == ImageOps.exif_transpose(before).size
    assert size(mime_type, clean) == size(mime_type, data)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP"])
def test_the_orientation_stays_and_nothing_else(format_name: str) -> None:
    clean = without_location(detect("photo", photo(format_name)), photo(format_name))
    assert dict(opened(clean).getexif()) == {0x0112: 6}
    assert without_location(detect("photo", clean), clean) == clean


@pytest.mark.parametrize("format_name", [*FORMATS, "GIF", "BMP"])
def test_sizes(format_name: str) -> None:
    buffer = BytesIO()
    picture().save(buffer, format_name)
    assert size(detect("photo", buffer.getvalue()), buffer.getvalue()) == (60, 40)


@pytest.mark.parametrize("lossless", [True, False])
def test_sizes_of_plain_webp(lossless: bool) -> None:
    buffer = BytesIO()
    picture().resize((333, 77)).save(buffer, "WEBP", lossless=lossless)
    assert size("image/webp", buffer.getvalue()) == (333, 77)


@pytest.mark.parametrize("format_name", ["GIF", "WEBP", "PNG"])
def test_animations_go_on(format_name: str) -> None:
    frames = [picture().rotate(angle) for angle in (0, 90, 180)]
    buffer = BytesIO()
    frames[0].save(
        buffer, format_name, save_all=True, append_images=frames[1:], loop=0, duration=70, comment=PLACE, exif=exif()
    )
    data = buffer.getvalue()
    clean = without_location(detect("film", data), data)
    assert PLACE not in clean
    before, after = Image.open(BytesIO(data)), Image.open(BytesIO(clean))
    assert getattr(after, "n_frames", 1) == 3
    assert after.info.get("loop") == 0
    for frame in range(3):
        before.seek(frame)
        after.seek(frame)
        assert after.convert("RGB").tobytes() == before.convert("RGB").tobytes()


def test_colours_stay() -> None:
    buffer = BytesIO()
    profile = b"\0\0\1\0" + b"profile" * 20_000  # more than one segment holds
    picture().save(buffer, "JPEG", icc_profile=profile, progressive=True, comment=PLACE)
    clean = without_location("image/jpeg", buffer.getvalue())
    assert opened(clean).info["icc_profile"] == profile
    assert opened(clean).tobytes() == opened(buffer.getvalue()).tobytes()
    assert PLACE not in clean


def test_what_stands_behind_a_photo_is_cut() -> None:
    # A second picture with an Exif of its own, or the film of a "motion photo".
    data = photo("JPEG") + photo("JPEG") + b"\0\0\0\x18ftypmp42" + PLACE
    assert without_location("image/jpeg", data) == without_location("image/jpeg", photo("JPEG"))


def test_a_heic_loses_its_place_where_it_stands() -> None:
    tiff = exif().tobytes().removeprefix(b"Exif\0\0")
    data = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0\0\0\0Exif\0\0" + tiff + XMP + b"pixels"
    clean = without_location("image/heic", data)
    assert len(clean) == len(data)
    assert PLACE not in clean
    assert b"GPSLatitude" not in clean
    assert b"Some Camera" in clean
    assert clean.endswith(b"pixels")


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_broken_image_stays_but_does_not_tell_its_place(format_name: str) -> None:
    data = photo(format_name)[:-20]
    clean = without_location(detect("photo", data), data)
    assert len(clean) >= len(data) - 2_000
    if format_name != "PNG":  # there the words are packed
        assert PLACE not in clean
    assert b"GPSLatitude" not in clean


def test_a_drawing_is_text() -> None:
    data = b"<svg><!-- <x:xmpmeta></x:xmpmeta> --></svg>"
    assert without_location("image/svg+xml", data) == data


HEADS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x10\0\0\0WEBP", b"GIF89a", b"II*\0\x08\0\0\0", b"BM")


@given(st.sampled_from(sorted(("jpeg", "png", "webp", "gif", "tiff", "heic", "bmp", "x"))), st.binary(max_size=400))
def test_nothing_raises(kind: str, data: bytes) -> None:
    for head in HEADS:
        without_location(f"image/{kind}", head + data)
        size(f"image/{kind}", head + data)


@given(st.sampled_from(FORMATS), st.data())
def test_no_damage_raises(format_name: str, draw: st.DataObject) -> None:
    data = bytearray(photo(format_name))
    for place in draw.draw(st.lists(st.integers(0, len(data) - 1), max_size=8)):
        data[place] = draw.draw(st.integers(0, 255))
    kind = f"image/{format_name.lower()}"
    without_location(kind, bytes(data))
    size(kind, bytes(data))
