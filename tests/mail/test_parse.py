"""Reading mails: every part lands in one place, every text is readable, and nothing breaks out of its field."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.mail.addresses import Address
from gateway.mail.parse import MailFile, ParsedMail, parse

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(40))
HEAD = (
    b"From: Ana Silva <ana@example.org>\r\nTo: Shop <reply+abc@reply.example.test>\r\n"
    b"Subject: Broken cup\r\nMessage-ID: <1@example.org>\r\nMIME-Version: 1.0\r\n"
)


def mail(*fields: bytes, body: bytes = b"The cup is broken.\r\n") -> bytes:
    return HEAD + b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body


def multipart(subtype: bytes, *parts: bytes, boundary: bytes = b"b1", parameters: bytes = b"") -> bytes:
    """The Content-Type field, blank line and body of a multipart; each part is header, blank line, body."""
    lines = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    field = b"Content-Type: multipart/" + subtype + b'; boundary="' + boundary + b'"' + parameters
    return field + b"\r\n\r\n" + lines + b"--" + boundary + b"--\r\n"


def part(fields: bytes, body: bytes) -> bytes:
    return fields + b"\r\n\r\n" + body


TEXT = part(b"Content-Type: text/plain; charset=utf-8", b"Hello")
HTML = part(b"Content-Type: text/html; charset=utf-8", b"<p>Hello</p>")
IMAGE = part(
    b"Content-Type: image/png; name=cup.png\r\nContent-Transfer-Encoding: base64\r\nContent-ID: <cup@example.org>\r\n"
    b"Content-Disposition: attachment; filename=cup.png",
    base64.encodebytes(PNG).rstrip(),
)


def only_file(parsed: ParsedMail) -> MailFile:
    assert len(parsed.files) == 1
    return parsed.files[0]


class TestHeader:
    def test_an_ordinary_mail(self) -> None:
        parsed = parse(
            mail(
                b"Cc: B <b@example.org>, c@example.org",
                b"Reply-To: ana@private.example.org",
                b"Sender: Desk <desk@example.org>",
                b"Date: Tue, 03 Nov 2026 12:00:00 +0200",
                b"In-Reply-To: <0@shop.example.test>",
                b"References: <a@shop.example.test>\r\n <0@shop.example.test>",
            )
        )
        assert parsed.subject == "Broken cup"
        assert parsed.from_ == (Address("Ana Silva", "ana@example.org"),)
        assert parsed.to == (Address("Shop", "reply+abc@reply.example.test"),)
        assert parsed.cc == (Address("B", "b@example.org"), Address("", "c@example.org"))
        assert parsed.reply_to == (Address("", "ana@private.example.org"),)
        assert parsed.sender == Address("Desk", "desk@example.org")
        assert parsed.date == datetime(2026, 11, 3, 10, tzinfo=UTC)
        assert parsed.message_id == "1@example.org"
        assert parsed.in_reply_to == ("0@shop.example.test",)
        assert parsed.references == ("a@shop.example.test", "0@shop.example.test")
        assert parsed.text == "The cup is broken.\n"
        assert parsed.html is None
        assert parsed.files == ()
        assert parsed.reports == ()
        assert parsed.defects == ()
        assert not parsed.too_complex

    @pytest.mark.parametrize(
        ("field", "subject"),
        [
            (b"=?utf-8?q?Caf=C3=A9?=", "Café"),
            (b"=?utf-8?b?Q2Fmw6k=?= =?utf-8?b?IG9rPw==?=", "Café ok?"),
            (b"=?utf-8?b?Q2Fmw?=\r\n =?utf-8?b?6k=?=", "Café"),  # one character split between two words
            (b"=?utf-8?q?Caf=C3?= =?utf-8?q?=A9?=", "Café"),
            (b"=?iso-2022-jp?b?GyRCJDMkcyRLJEEkTxsoQg==?=", "こんにちは"),
            (b"=?gb2312?b?" + base64.b64encode("朱镕基".encode("gbk")) + b"?=", "朱镕基"),  # GBK, not GB 2312
            (b"=?utf-8?q?who_says_what??=", "who says what?"),
            (b"=?x-unknown?q?plain?=", "plain"),
            (b"Re: =?utf-8?q?a?=b", "Re: ab"),
            ("Grüße".encode(), "Grüße"),
            ("Grüße".encode("latin-1"), "Grüße"),
            (b"folded\r\n\tover two lines", "folded over two lines"),
            (b"with\0 NUL", "with NUL"),
            (b"=?utf-8?q?hi=0D=0ABcc:_victim@example.org?=", "hi Bcc: victim@example.org"),
            (b"hi\rBcc: victim@example.org", "hi Bcc: victim@example.org"),
            (b"=?utf-8?b?7aCA?=", "???"),  # a lone surrogate in UTF-8
        ],
    )
    def test_subjects_are_decoded_and_stay_on_one_line(self, field: bytes, subject: str) -> None:
        raw = HEAD.replace(b"Broken cup", field) + b"\r\nbody\r\n"
        if subject == "???":
            assert not any(0xD800 <= ord(character) <= 0xDFFF for character in parse(raw).subject)
        else:
            assert parse(raw).subject == subject
        assert parse(raw).header("Bcc") is None

    def test_an_8_bit_subject_without_charset_follows_the_charset_of_the_mail(self) -> None:
        raw = (
            HEAD.replace(b"Broken cup", "Привет".encode("koi8-r")) + b"Content-Type: text/plain; charset=koi8-r\r\n\r\n"
        )
        assert parse(raw).subject == "Привет"

    def test_a_repeated_subject_is_the_first_one(self) -> None:
        assert parse(mail(b"Subject: another")).subject == "Broken cup"

    @pytest.mark.parametrize(
        ("field", "people"),
        [
            (b'"Silva, Ana" <ana@example.org>', [("Silva, Ana", "ana@example.org")]),
            (b"=?utf-8?q?Ana_Jos=C3=A9?= <ana@example.org>", [("Ana José", "ana@example.org")]),
            (b'"=?utf-8?q?Ana_Jos=C3=A9?=" <ana@example.org>', [("Ana José", "ana@example.org")]),
            ("José <jose@example.org>".encode("latin-1"), [("José", "jose@example.org")]),
            (b"ana@example.org (Ana)", [("Ana", "ana@example.org")]),
            (b"<ana@example.org>", [("", "ana@example.org")]),
            (b'"ana@other.example.org" <ana@example.org>', [("ana@other.example.org", "ana@example.org")]),
            (b"=?utf-8?q?Ana=0D=0AX-Evil:_1?= <ana@example.org>", [("Ana X-Evil: 1", "ana@example.org")]),
            (b"Ana <ana@example.org", [("", "ana@example.org")]),
            (b"undisclosed-recipients:;", []),
            (b"", []),
        ],
    )
    def test_authors(self, field: bytes, people: list[tuple[str, str]]) -> None:
        raw = HEAD.replace(b"Ana Silva <ana@example.org>", field) + b"\r\nbody\r\n"
        assert [(address.name, address.address) for address in parse(raw).from_] == people

    def test_a_from_that_could_mean_several_people_means_all_of_them(self) -> None:
        raw = HEAD.replace(b"Ana Silva <ana@example.org>", b"<ana@example.org> <eve@example.org>") + b"\r\nbody\r\n"
        assert {address.address for address in parse(raw).from_} == {"ana@example.org", "eve@example.org"}

    def test_an_odd_author_beside_a_plain_one_still_counts(self) -> None:
        raw = HEAD.replace(b"<ana@example.org>", b"<ana@example.org>, <eve@example.org> x") + b"\r\nbody\r\n"
        assert [address.address for address in parse(raw).from_] == ["ana@example.org", "eve@example.org"]

    def test_a_bare_cr_in_the_first_field_starts_no_field(self) -> None:
        parsed = parse(b"X-First: a\rFrom: eve@example.org\r\n" + HEAD + b"\r\nbody\r\n")
        assert [address.address for address in parsed.from_] == ["ana@example.org"]
        assert parsed.header("X-First") == "a From: eve@example.org"

    def test_two_from_fields_are_two_authors(self) -> None:
        parsed = parse(mail(b"From: eve@example.org"))
        assert [address.address for address in parsed.from_] == ["ana@example.org", "eve@example.org"]

    def test_of_a_very_long_recipient_list_the_first_are_read(self) -> None:
        recipients = b",\r\n ".join(b"person%d@example.org" % number for number in range(2000))
        parsed = parse(mail(b"Cc: " + recipients))
        assert parsed.cc[0].address == "person0@example.org"
        assert any("cc field is long" in defect for defect in parsed.defects)
        assert not parsed.too_complex

    @pytest.mark.parametrize("value", [b"yesterday", b"99 Foo 2026", b"(" * 5000, b"Tue, 31 Feb 2026 10:00:00 +0000"])
    def test_a_date_that_is_none(self, value: bytes) -> None:
        parsed = parse(mail(b"Date: " + value))
        assert parsed.date is None
        assert parsed.defects

    def test_ids_without_angle_brackets_and_with_line_breaks_inside(self) -> None:
        parsed = parse(mail(b"In-Reply-To: 7@example.org", b"References: <a@example.org>,<b\r\n @example.org>"))
        assert parsed.in_reply_to == ("7@example.org",)
        assert parsed.references == ("a@example.org", "b@example.org")

    @pytest.mark.parametrize(
        "before", [b"\xef\xbb\xbf", b"\r\n\r\n", b"From ana@example.org Tue Nov  3 10:00:00 2026\r\n", b">From x\r\n"]
    )
    def test_what_stands_before_the_header_does_not_make_it_a_body(self, before: bytes) -> None:
        parsed = parse(before + mail())
        assert (parsed.subject, parsed.text) == ("Broken cup", "The cup is broken.\n")

    @pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\n"])
    def test_line_ends(self, line_end: bytes) -> None:
        raw = (HEAD + multipart(b"mixed", TEXT, IMAGE)).replace(b"\r\n", line_end)
        parsed = parse(raw)
        assert (parsed.subject, parsed.text) == ("Broken cup", "Hello")
        assert only_file(parsed).data == PNG

    def test_a_header_without_a_blank_line_ends_where_text_begins(self) -> None:
        parsed = parse(HEAD + b"The cup is broken.\r\nNote: it was blue.\r\n")
        assert parsed.text == "The cup is broken.\nNote: it was blue.\n"
        assert parsed.defects == ("There is no blank line between header and body.",)

    def test_rubbish_inside_the_header_does_not_end_it(self) -> None:
        parsed = parse(b"Subject: one\r\nrubbish\r\nFrom: ana@example.org\r\n\r\nbody\r\n")
        assert (parsed.subject, parsed.from_[0].address, parsed.text) == ("one", "ana@example.org", "body\n")

    def test_bytes_that_are_no_mail_at_all_are_text(self) -> None:
        assert parse(b"hello").text == "hello"
        assert parse(b"").text == ""


class TestBodies:
    def test_alternative(self) -> None:
        parsed = parse(HEAD + multipart(b"alternative", TEXT, HTML))
        assert (parsed.text, parsed.html) == ("Hello", "<p>Hello</p>")
        assert parsed.content_type == "multipart/alternative"

    def test_texts_around_a_picture_are_one_text(self) -> None:
        after = part(b"Content-Type: text/plain", b"and goodbye")
        parsed = parse(HEAD + multipart(b"mixed", TEXT, IMAGE, after))
        assert parsed.text == "Hello\nand goodbye"
        assert len(parsed.files) == 1

    def test_a_text_that_stands_in_one_format_only_is_in_both_bodies(self) -> None:
        footer = part(b"Content-Type: text/plain", b"1 < 2")
        parsed = parse(HEAD + multipart(b"mixed", HTML, footer))
        assert parsed.text == "Hello\n1 < 2"
        assert parsed.html == "<p>Hello</p>\n<pre>1 &lt; 2</pre>"

    def test_html_alone(self) -> None:
        parsed = parse(mail(b"Content-Type: text/html", body=b"<p>Hi</p>"))
        assert (parsed.text, parsed.html) == (None, "<p>Hi</p>")

    def test_html_says_its_charset_itself(self) -> None:
        body = '<meta charset="koi8-r"><p>Привет</p>'.encode("koi8-r")
        assert "Привет" in (parse(mail(b"Content-Type: text/html", body=body)).html or "")

    def test_flowed_text_is_unwrapped(self) -> None:
        parsed = parse(mail(b"Content-Type: text/plain; format=flowed", body=b"One \r\nline.\r\n> quo \r\n> ted\r\n"))
        assert parsed.text == "One line.\n> quo ted\n"

    def test_a_body_with_a_name_is_still_the_body(self) -> None:
        parsed = parse(mail(b"Content-Type: text/plain; name=body.txt"))
        assert (parsed.text, parsed.files) == ("The cup is broken.\n", ())

    def test_the_only_text_beside_files_is_the_body_though_it_has_a_name(self) -> None:
        named = TEXT.replace(b"utf-8", b"utf-8; name=message.txt")
        parsed = parse(HEAD + multipart(b"mixed", named, IMAGE))
        assert parsed.text == "Hello"
        assert only_file(parsed).filename == "cup.png"

    def test_a_named_text_beside_the_body_is_a_file(self) -> None:
        named = TEXT.replace(b"utf-8", b"utf-8; name=log.txt")
        parsed = parse(HEAD + multipart(b"mixed", TEXT, named))
        assert parsed.text == "Hello"
        assert only_file(parsed).filename == "log.txt"

    def test_a_picture_that_calls_itself_text_is_a_file(self) -> None:
        body = base64.encodebytes(b"\x89PNG\r\n\x1a\n\0\0\0" + bytes(500))
        parsed = parse(mail(b"Content-Type: text/plain", b"Content-Transfer-Encoding: base64", body=body))
        assert parsed.text is None
        assert only_file(parsed).data.startswith(b"\x89PNG")

    def test_text_holds_no_nul_and_no_lone_surrogate(self) -> None:
        assert parse(mail(body=b"a\0b\r\n")).text == "ab\n"
        assert parse(mail(b"Content-Type: text/plain; charset=utf-7", body=b"+2AA-")).text == "\ufffd"


class TestFiles:
    def test_a_picture_shown_in_html_is_marked(self) -> None:
        html = part(b"Content-Type: text/html", b'<img src="cid:cup%40example.org">')
        parsed = parse(HEAD + multipart(b"related", html, IMAGE))
        assert only_file(parsed) == MailFile("cup.png", "image/png", PNG, "cup@example.org", inline=True)

    def test_a_picture_that_nothing_shows_is_a_file(self) -> None:
        assert not only_file(parse(HEAD + multipart(b"mixed", HTML, IMAGE))).inline

    def test_a_carried_mail_is_a_file_and_not_read(self) -> None:
        inner = mail(b"Content-Type: text/plain; name=x", body=b"secret\r\n")
        parsed = parse(HEAD + multipart(b"mixed", TEXT, part(b"Content-Type: message/rfc822", inner)))
        assert parsed.text == "Hello"
        assert only_file(parsed) == MailFile("message.eml", "message/rfc822", inner)

    def test_a_digest_carries_mails(self) -> None:
        parsed = parse(HEAD + multipart(b"digest", b"\r\nSubject: one\r\n\r\n1", b"\r\nSubject: two\r\n\r\n2"))
        assert [file.content_type for file in parsed.files] == ["message/rfc822"] * 2

    def test_a_calendar_entry_is_a_file(self) -> None:
        calendar = part(b"Content-Type: text/calendar; method=REQUEST", b"BEGIN:VCALENDAR")
        parsed = parse(HEAD + multipart(b"alternative", TEXT, calendar))
        assert (only_file(parsed).filename, only_file(parsed).data) == ("invite.ics", b"BEGIN:VCALENDAR")

    def test_signed_mail_keeps_its_text_and_its_signature(self) -> None:
        signature = part(b"Content-Type: application/pgp-signature", b"-----BEGIN PGP SIGNATURE-----")
        parsed = parse(HEAD + multipart(b"signed", TEXT, signature))
        assert (parsed.text, only_file(parsed).filename) == ("Hello", "signature.asc")

    def test_encrypted_mail_is_kept_whole(self) -> None:
        version = part(b"Content-Type: application/pgp-encrypted", b"Version: 1")
        content = part(b"Content-Type: application/octet-stream; name=encrypted.asc", b"-----BEGIN PGP MESSAGE-----")
        parsed = parse(HEAD + multipart(b"encrypted", version, content))
        assert [file.content_type for file in parsed.files] == ["application/pgp-encrypted", "application/octet-stream"]

    def test_a_mail_of_only_a_file(self) -> None:
        raw = HEAD + b"Content-Type: application/pdf\r\nContent-Disposition: attachment\r\n\r\n%PDF-1.4"
        assert only_file(parse(raw)) == MailFile("file.pdf", "application/pdf", b"%PDF-1.4")

    def test_uuencoded_files_leave_the_text(self) -> None:
        body = b"Hello\r\nbegin 644 cat.txt\r\n#0V%T\r\n`\r\nend\r\nBye\r\n"
        parsed = parse(mail(body=body))
        assert parsed.text == "Hello\nBye\n"
        assert only_file(parsed) == MailFile("cat.txt", "application/octet-stream", b"Cat")

    def test_a_sentence_that_starts_like_uuencode_stays(self) -> None:
        assert parse(mail(body=b"begin 644 things\r\nand end them\r\n")).files == ()

    @pytest.mark.parametrize(
        ("parameters", "name"),
        [
            (b"filename=plain.txt", "plain.txt"),
            (b"filename=with blanks.txt", "with blanks.txt"),
            (b'filename="semi;colon.txt"', "semi;colon.txt"),
            (b"filename*=utf-8''na%C3%AFve.txt", "naïve.txt"),
            (b"filename*0*=utf-8''na%C3;\r\n filename*1*=%AF;\r\n filename*2=ve.txt", "naïve.txt"),
            (b'filename="=?utf-8?q?na=C3=AFve.txt?="', "naïve.txt"),
            ('filename="naïve.txt"'.encode("latin-1"), "naïve.txt"),
            (b'filename="../../etc/passwd"', "passwd"),
            (b"filename*=utf-8''a%00b%0D%0Ac%E2%80%AEgpj.exe", "ab cgpj.exe"),
            (b'filename=".."', "file.bin"),
            (b'filename=""', "file.bin"),
            (b"filename*999999999=a; filename*-1=b", "file.bin"),
            (b'filename="unclosed.txt', "unclosed.txt"),
        ],
    )
    def test_names(self, parameters: bytes, name: str) -> None:
        fields = b"Content-Type: application/x-thing\r\nContent-Disposition: attachment; " + parameters
        assert only_file(parse(HEAD + multipart(b"mixed", TEXT, part(fields, b"x")))).filename == name

    def test_a_long_name_keeps_its_extension(self) -> None:
        fields = b"Content-Type: text/csv; name=" + b"n" * 500 + b".csv"
        name = only_file(parse(HEAD + multipart(b"mixed", TEXT, part(fields, b"x")))).filename
        assert len(name) == 180
        assert name.endswith("n.csv")


class TestReports:
    STATUS = part(b"Content-Type: message/delivery-status", b"Reporting-MTA: dns; mx.example.org\r\n\r\nAction: failed")
    ORIGINAL = part(b"Content-Type: message/rfc822", HEAD + b"\r\nbody")

    def test_a_delivery_report(self) -> None:
        parsed = parse(HEAD + multipart(b"report", TEXT, self.STATUS, self.ORIGINAL))
        assert parsed.text == "Hello"
        assert [report.content_type for report in parsed.reports] == ["message/delivery-status", "message/rfc822"]
        assert parsed.reports[0].data.endswith(b"Action: failed")
        assert parsed.files == ()

    def test_a_report_that_is_sent_as_mixed(self) -> None:
        parsed = parse(HEAD + multipart(b"mixed", TEXT, self.STATUS, self.ORIGINAL))
        assert [report.content_type for report in parsed.reports] == ["message/delivery-status", "message/rfc822"]

    def test_a_report_about_international_addresses_goes_by_the_same_names(self) -> None:
        status = self.STATUS.replace(b"message/delivery-status", b"message/global-delivery-status")
        headers = part(b"Content-Type: message/global-headers", b"Subject: x")
        parsed = parse(HEAD + multipart(b"report", status, headers))
        assert [report.content_type for report in parsed.reports] == ["message/delivery-status", "text/rfc822-headers"]

    def test_a_forwarded_report_is_a_file(self) -> None:
        report = HEAD + multipart(b"report", TEXT, self.STATUS, boundary=b"b2")
        parsed = parse(HEAD + multipart(b"mixed", TEXT, part(b"Content-Type: message/rfc822", report)))
        assert parsed.reports == ()
        assert only_file(parsed).content_type == "message/rfc822"


class TestDamage:
    def test_a_boundary_that_is_not_declared_is_found(self) -> None:
        raw = (HEAD + multipart(b"mixed", TEXT, IMAGE)).replace(b'; boundary="b1"', b"")
        parsed = parse(raw)
        assert parsed.text == "Hello"
        assert only_file(parsed).data == PNG

    def test_a_multipart_without_parts_is_text(self) -> None:
        parsed = parse(HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n\r\nJust words.\r\n")
        assert parsed.text == "Just words.\n"

    def test_a_mail_that_was_cut_keeps_what_is_there(self) -> None:
        raw = HEAD + multipart(b"mixed", TEXT, IMAGE)
        parsed = parse(raw[: raw.index(b"--b1--") - 20])
        assert parsed.text == "Hello"
        assert only_file(parsed).data.startswith(b"\x89PNG")

    def test_parts_after_the_closing_boundary_are_kept(self) -> None:
        parsed = parse(HEAD + multipart(b"mixed", TEXT) + b"--b1\r\n" + IMAGE + b"\r\n--b1--\r\n")
        assert only_file(parsed).data == PNG

    def test_an_outer_boundary_ends_an_inner_multipart_that_was_not_closed(self) -> None:
        inner = multipart(b"alternative", TEXT, HTML, boundary=b"b2").replace(b"\r\n--b2--\r\n", b"")
        parsed = parse(HEAD + multipart(b"mixed", inner, IMAGE))
        assert (parsed.text, parsed.html) == ("Hello", "<p>Hello</p>")
        assert only_file(parsed).data == PNG

    def test_a_boundary_that_begins_like_another(self) -> None:
        inner = multipart(b"alternative", TEXT, HTML, boundary=b"b1b")
        parsed = parse(HEAD + multipart(b"mixed", inner, IMAGE))
        assert (parsed.text, parsed.html, len(parsed.files)) == ("Hello", "<p>Hello</p>", 1)

    @pytest.mark.parametrize(
        "body",
        [
            base64.b64encode(PNG)[:-3],  # cut
            base64.b64encode(PNG[:10]) + b"\r\n" + base64.b64encode(PNG[10:]),  # joined, padding in the middle
            b"\r\n".join(base64.b64encode(PNG)[i : i + 7] + b"!\xff" for i in range(0, 64, 7)),
        ],
    )
    def test_damaged_base64_is_decoded_as_far_as_it_goes(self, body: bytes) -> None:
        fields = b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64"
        assert only_file(parse(HEAD + multipart(b"mixed", TEXT, part(fields, body)))).data.startswith(PNG[:40])

    def test_text_that_is_wrongly_said_to_be_base64(self) -> None:
        parsed = parse(mail(b"Content-Transfer-Encoding: base64", body=b"This is plain text, you see.\r\n"))
        assert parsed.text == "This is plain text, you see.\n"


class TestLimits:
    @pytest.mark.parametrize(
        "raw",
        [
            mail(*[b"X-Field-%d: v" % number for number in range(1001)]),
            mail(b"X-Long: " + b"x" * 70_000),
            mail(*[b"X-Long: " + b"x" * 60_000] * 5),
            HEAD + multipart(b"mixed", *[TEXT] * 1001),
            mail(body=b"--x\r\n" * 20_002),
            HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: a/b' + b"; p=v" * 20_000,
        ],
        ids=["fields", "one long field", "long header", "parts", "boundary lines", "parameters"],
    )
    def test_past_a_limit_only_the_header_is_given(self, raw: bytes) -> None:
        parsed = parse(raw)
        assert parsed.too_complex
        assert parsed.subject == "Broken cup"
        assert parsed.text is None
        assert parsed.files == ()
        assert parsed.defects

    def test_depth(self) -> None:
        def nested(depth: int) -> bytes:
            opening = b"".join(
                b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (level, level)
                for level in range(depth)
            )
            return HEAD + opening + TEXT

        assert parse(nested(20)).text == "Hello"
        assert parse(nested(40)).too_complex

    def test_carried_mails_inside_each_other_cost_nothing(self) -> None:
        parsed = parse(HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 10_000)
        assert len(parsed.files) == 1


def is_clean(text: str) -> bool:
    return not any(c in "\r\n\0" or 0xD800 <= ord(c) <= 0xDFFF for c in text)


def check(parsed: ParsedMail) -> None:
    """What holds for every mail, whatever its bytes."""
    for name, value in parsed.headers:
        assert is_clean(name)
        assert is_clean(value)
    for address in (*parsed.from_, *parsed.reply_to, *parsed.to, *parsed.cc):
        assert is_clean(address.name)
        assert is_clean(address.address)
        assert address.address
    for identifier in (*parsed.in_reply_to, *parsed.references, parsed.message_id or "x"):
        assert is_clean(identifier)
        assert identifier
    for text in (parsed.text or "", parsed.html or ""):
        assert "\0" not in text
        assert "\r" not in text
        text.encode()
    for file in parsed.files:
        assert is_clean(file.filename)
        assert is_clean(file.content_id or "")
        assert file.filename.strip(". ")
        assert not set(file.filename) & set("/\\")
    assert parsed.date is None or parsed.date.tzinfo is not None


PIECES = st.sampled_from(
    [
        *(
            b"\r\n",
            b"\n",
            b"\r",
            b"\r\n\r\n",
            b" ",
            b"\t",
            b"\0",
            b"--b",
            b"--b--",
            b"=?utf-8?q?",
            b"?=",
            b"=0D=0A",
            b";",
        ),
        *(b"From: ", b"Subject: ", b"Date: ", b"Content-ID: <", b"Message-ID: <", b"References: ", b'"', b"<", b">"),
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n',
        *(b"Content-Type: message/rfc822\r\n", b"Content-Type: text/plain; charset=", b"Content-Type: text/html\r\n"),
        *(b"Content-Disposition: attachment; filename", b"*0*=utf-8''", b"%00%0A", b"Content-Transfer-Encoding: "),
        *(
            b"base64\r\n",
            b"quoted-printable\r\n",
            b"utf-7\r\n",
            b"iso-2022-jp\r\n",
            b"utf-16\r\n",
            b"hz\r\n",
            b"\x1b$B",
        ),
        *(b"begin 644 a\r\n", b"#0V%T\r\n", b"end\r\n", b"\x78\x9f\x3e\x22\x01\x00", b"\xff\xfe", b"\xed\xa0\x80"),
    ]
)


class TestAnything:
    @given(st.binary(max_size=400))
    @settings(max_examples=200, deadline=None)
    def test_no_bytes_crash_or_leak(self, raw: bytes) -> None:
        check(parse(raw))

    @given(st.lists(PIECES | st.binary(max_size=6), max_size=40).map(b"".join))
    @settings(max_examples=300, deadline=None)
    def test_no_mixture_of_mail_syntax_crashes_or_leaks(self, raw: bytes) -> None:
        check(parse(raw))

    @given(st.binary(max_size=200))
    @settings(max_examples=100, deadline=None)
    def test_the_same_bytes_give_the_same_mail(self, body: bytes) -> None:
        assert parse(mail(body=body)) == parse(mail(body=body))
