"""Mail that is wrong in one way or another, as it really arrives."""

from base64 import b64encode
from collections.abc import Iterator

from models.rules.follow_ups import FollowUpSign
from models.rules.mail_faults import MailFault
from tests.mail_world import PDF, PNG, CorpusMail, World
from tests.mail_writing import Style, entity, file_part, header_text, mail, multipart, text_part
from tests.tnef_files import winmail

SUBJECT = "Не открывается отчёт за апрель"
TEXT = "Здравствуйте! Отчёт за апрель не открывается, программа показывает пустое окно."
_ENCODINGS = (
    ("windows-1251", "cp1251"),
    ("koi8-r", "koi8-r"),
    ("iso-8859-5", "iso8859-5"),
    ("x-mac-cyrillic", "mac-cyrillic"),
    ("cp866", "cp866"),
)


def broken_mails(world: World) -> Iterator[CorpusMail]:
    """Return all of them."""
    yield from _charsets(world)
    yield from _headers(world)
    yield from _structures(world)
    yield from _files(world)
    yield from _strangers(world)


def _fields(world: World, name: str, subject: bytes | str = "") -> list[tuple[str, bytes | str]]:
    return [
        ("From", world.customer),
        ("To", world.mailbox),
        ("Subject", subject or header_text(SUBJECT, Style())),
        ("Date", "Wed, 15 May 2024 09:00:00 +0300"),
        ("Message-ID", f"<{name}@customer.test>"),
    ]


def _one(  # noqa: PLR0913 - what a mail is made of
    world: World,
    name: str,
    content: bytes,
    *faults: MailFault,
    subject: bytes | str = "",
    told: str = SUBJECT,
    new: str = TEXT,
    parts: tuple[tuple[str, bytes, bool], ...] = (),
) -> CorpusMail:
    return CorpusMail(
        name=f"broken-{name}",
        raw=mail(_fields(world, name, subject), content),
        sender=world.customer,
        subject=told,
        new=new,
        parts=parts,
        faults=frozenset(faults),
    )


def _charsets(world: World) -> Iterator[CorpusMail]:
    """Labels that are right, missing, and wrong, in every encoding of Russian."""
    for label, codec in _ENCODINGS:
        style = Style(charset=label, codec=codec, encoding="8bit")
        yield _one(world, f"label-{codec}", text_part(TEXT, style))
        bare = entity([("Content-Type", "text/plain")], TEXT.encode(codec))
        yield _one(world, f"no-label-{codec}", bare, MailFault.CHARSET_MISSING)
        wrong = "koi8-r" if codec == "cp1251" else "windows-1251"
        lying = text_part(TEXT, Style(charset=wrong, codec=codec, encoding="base64"))
        yield _one(world, f"wrong-label-{codec}", lying, MailFault.CHARSET_WRONG)
        raw = SUBJECT.encode(codec)
        plain = text_part(TEXT, Style())
        yield _one(world, f"raw-subject-{codec}", plain, MailFault.CHARSET_MISSING, subject=raw)
    latin = text_part(TEXT, Style(charset="iso-8859-1", codec="cp1251", encoding="8bit"))
    yield _one(world, "latin-label", latin, MailFault.CHARSET_WRONG)
    unknown = text_part(TEXT, Style(charset="x-user-defined", codec="cp1251", encoding="8bit"))
    yield _one(world, "unknown-label", unknown, MailFault.CHARSET_UNKNOWN)
    utf8 = text_part(TEXT, Style(charset="windows-1251", codec="utf-8", encoding="8bit"))
    yield _one(world, "utf8-as-1251", utf8, MailFault.CHARSET_WRONG)
    twice = TEXT.encode().decode("cp1251", "surrogateescape").replace("\udc98", "\x98")
    yield _one(world, "twice", text_part(twice, Style()), MailFault.ENCODED_TWICE)
    utf7 = entity([("Content-Type", "text/plain; charset=utf-7")], b"+ADw-script+AD4-")
    yield _one(world, "utf7", utf7, MailFault.CHARSET_REFUSED, new="+ADw-script+AD4-")


def _headers(world: World) -> Iterator[CorpusMail]:
    """Encoded words and other headers."""
    plain = text_part(TEXT, Style())
    whole = b64encode(SUBJECT.encode())
    half = SUBJECT.encode()[:21], SUBJECT.encode()[21:]
    for name, subject, faults in (
        ("word-joined", b"=?utf-8?B?%s?==?utf-8?B?%s?=" % tuple(map(b64encode, half)), ()),
        (
            "word-split-letter",
            b"=?utf-8?B?%s?=\r\n =?utf-8?B?%s?=" % tuple(map(b64encode, half)),
            (),
        ),
        ("word-cut-base64", b"=?utf-8?B?%s?=\r\n =?utf-8?B?%s?=" % (whole[:22], whole[22:]), ()),
        ("word-no-padding", b"=?utf-8?B?%s?=" % whole.rstrip(b"="), ()),
        ("word-open", b"=?utf-8?B?%s" % whole, (MailFault.ENCODED_WORD_BROKEN,)),
        ("word-spaces", b"=?utf-8?Q?%s?=" % _q(SUBJECT).replace(b"_", b" "), ()),
        ("word-language", b"=?utf-8*ru?B?%s?=" % whole, ()),
        ("word-quoted", b'"=?utf-8?B?%s?="' % whole, ()),
        (
            "word-twice",
            b"=?us-ascii?Q?%s?=" % _q(f"=?utf-8?B?{whole.decode()}?="),
            (MailFault.ENCODED_TWICE,),
        ),
        ("word-folded", b"=?utf-8?B?%s\r\n %s?=" % (whole[:30], whole[30:]), ()),
        ("raw-utf8", SUBJECT.encode(), (MailFault.CHARSET_MISSING,)),
    ):
        told = f'"{SUBJECT}"' if name == "word-quoted" else SUBJECT
        yield _one(world, name, plain, *faults, subject=subject, told=told)
    fold = b"Subject: lost\r\nits space\r\nX-Next: 1\r\n" + plain
    raw = mail([f for f in _fields(world, "fold") if f[0] != "Subject"], b"").replace(
        b"MIME-Version: 1.0\r\n", fold
    )
    broken_fold = _one(world, "fold", plain, MailFault.HEADER_LINE_BROKEN, told="lost its space")
    yield _with_raw(broken_fold, raw)
    yield _with_raw(
        _one(world, "no-blank", b"", told="x", new="Text at once\nSecond line"),
        b"From: %s\nMessage-ID: <a@b.test>\nSubject: x\nText at once\nSecond line\n"
        % world.customer.encode(),
    )
    yield _with_raw(
        _one(world, "lf-only", plain), mail(_fields(world, "lf"), plain).replace(b"\r\n", b"\n")
    )
    yield _with_raw(
        _one(world, "mbox", plain),
        b"From olga Wed May 15 2024\r\n" + mail(_fields(world, "mbox"), plain),
    )


def _with_raw(expected: CorpusMail, raw: bytes) -> CorpusMail:
    return CorpusMail(
        name=expected.name,
        raw=raw,
        sender=expected.sender,
        subject=expected.subject,
        new=expected.new,
        parts=expected.parts,
        faults=expected.faults,
    )


def _q(text: str) -> bytes:
    return b"".join(
        b"_"
        if byte == 32
        else bytes([byte])
        if chr(byte).isalnum() and byte < 128
        else b"=%02X" % byte
        for byte in text.encode()
    )


def _structures(world: World) -> Iterator[CorpusMail]:
    """Parts that are not where they should be."""
    text = text_part(TEXT, Style())
    file = file_part(PDF, media="application/pdf", name=b"=report.pdf")
    whole = multipart("mixed", [text, file], boundary="b1")
    attached = (("report.pdf", PDF, False),)
    unclosed = whole.removesuffix(b"--b1--\r\n")
    yield _one(world, "unclosed", unclosed, MailFault.BOUNDARY_UNCLOSED, parts=attached)
    no_boundary = whole.replace(b'; boundary="b1"', b"")
    yield _one(world, "no-boundary", no_boundary, parts=attached)
    lost = entity([("Content-Type", "multipart/mixed; boundary=zz")], TEXT.encode())
    faults = (MailFault.BOUNDARY_MISSING, MailFault.CHARSET_MISSING)
    yield _one(world, "no-parts", lost, *faults)
    yield _one(
        world, "epilogue", whole + b"list footer\r\n", MailFault.TEXT_OUTSIDE_PARTS, parts=attached
    )
    media = text.replace(b"text/plain", b"plaintext")
    yield _one(world, "media-type", media, MailFault.MEDIA_TYPE_BROKEN)
    odd = entity(
        [("Content-Type", "text/plain; charset=utf-8"), ("Content-Transfer-Encoding", "x-odd")],
        TEXT.encode(),
    )
    yield _one(world, "encoding", odd, MailFault.ENCODING_UNKNOWN)
    yield _one(world, "empty", entity([("Content-Type", "text/plain")], b""), new="")
    html_only = text_part(f"<p>{TEXT}</p><script>x()</script>", Style(), subtype="html")
    yield _one(world, "html-only", html_only)


def _files(world: World) -> Iterator[CorpusMail]:
    """Attachments: names, broken contents, winmail.dat, many of them, pictures."""
    text = text_part(TEXT, Style())
    name = "отчёт за апрель.pdf"
    for kind, written in (
        ("1251-raw", b'="' + name.encode("cp1251") + b'"'),
        ("2047", b'="' + header_text(name, Style()) + b'"'),
        (
            "2231-pieces",
            (
                b"*0*=utf-8''%D0%BE%D1%82%D1%87%D1%91%D1%82;\r\n"
                b" filename*1*=%20%D0%B7%D0%B0%20%D0%B0;\r\n"
                b" filename*2*=%D0%BF%D1%80%D0%B5%D0%BB%D1%8C.pdf"
            ),
        ),
        ("path", b'="C:\\\\Users\\\\o\\\\' + name.encode() + b'"'),
    ):
        file = file_part(PDF, media="application/pdf", name=written)
        content = multipart("mixed", [text, file], boundary="b2")
        faults = (MailFault.CHARSET_MISSING,) if kind in {"1251-raw", "path"} else ()
        yield _one(world, f"name-{kind}", content, *faults, parts=((name, PDF, False),))
    packed = file_part(
        winmail({name: PDF, "b.pdf": b"b"}), media="application/ms-tnef", name=b"=winmail.dat"
    )
    yield _one(
        world,
        "winmail",
        multipart("mixed", [text, packed], boundary="b3"),
        parts=((name, PDF, False), ("b.pdf", b"b", False)),
    )
    hundred = [file_part(b"%d" % n, media="image/png", name=b"=f%d.png" % n) for n in range(100)]
    yield _one(
        world,
        "hundred-parts",
        multipart("mixed", [text, *hundred], boundary="b4"),
        parts=tuple((f"f{n}.png", b"%d" % n, False) for n in range(100)),
    )
    shown = text_part(f'<p>{TEXT}<img src="cid:a%40x"></p>', Style(), subtype="html")
    pictures = [
        file_part(PNG, media="image/png", name=b"=a.png", place="inline", more="a@x"),
        file_part(b"2", media="image/png", name=b"=b.png", place="inline", more="b@x"),
    ]
    yield _one(
        world,
        "picture-not-shown",
        multipart("related", [shown, *pictures], boundary="b5"),
        parts=(("a.png", PNG, True), ("b.png", b"2", False)),
    )
    inner = mail(_fields(world, "inner"), text)
    forwarded = entity([("Content-Type", "message/rfc822")], inner)
    yield _one(
        world,
        "forwarded-file",
        multipart("mixed", [text, forwarded], boundary="b6"),
        parts=((f"{SUBJECT}.eml", inner, False),),
    )
    cut = file_part(PDF, media="application/pdf", name=b"=cut.pdf").rstrip(b"=")[:-10]
    kept = cut.partition(b"\r\n\r\n")[2].replace(b"\r\n", b"")
    yield _one(
        world,
        "cut-base64",
        multipart("mixed", [text, cut], boundary="b7"),
        MailFault.BASE64_BROKEN,
        parts=(("cut.pdf", PDF[: len(kept) * 3 // 4], False),),
    )


def _strangers(world: World) -> Iterator[CorpusMail]:
    """Who writes a number or answers with somebody else's address."""
    text = text_part(TEXT, Style())
    sent = world.sent()
    number = f"Re: contract [#{world.number}]"
    for name, sender, fields, sign in (
        ("number-stranger", "eve@stranger.test", [], FollowUpSign.NONE),
        ("number-customer", world.customer, [], FollowUpSign.SUBJECT_NUMBER),
        (
            "token-stranger",
            "eve@stranger.test",
            [("Cc", sent["Reply-To"])],
            FollowUpSign.REPLY_ADDRESS,
        ),
        (
            "id-forged",
            "eve@stranger.test",
            [("In-Reply-To", f"<t.{world.ticket}.1.{'a' * 20}@{world.host}>")],
            FollowUpSign.NONE,
        ),
    ):
        head = [("From", sender), *_fields(world, name, number)[1:], *fields]
        yield CorpusMail(
            name=f"stranger-{name}",
            raw=mail(head, text),
            sender=sender,
            subject=number,
            new=TEXT,
            sign=sign,
        )
