"""Names as our mails show them: nobody passes himself off as platform support or as the brand (DESIGN §7)."""

import re
import unicodedata
from functools import lru_cache

from gateway.outbound import mime

_NAME_CHARACTERS = 60

#: Letters of other scripts, and digits, that look like the Latin ones.
_LOOKALIKES = str.maketrans("аеорстмѕуυορτα015", "aeopctmsyuoptaols")


def safe_name(name: str, support: str, brand: str) -> str:
    """A name as we show it; "" for one that passes itself off as support or as us, or holds an address."""
    name = mime.clean(name)[:_NAME_CHARACTERS].rstrip()
    return "" if "://" in name or "@" in name or pretends(name, support, brand) else name


@lru_cache(maxsize=4_096)
def pretends(name: str, support: str, brand: str) -> bool:
    """Whether somebody's name would pass for platform support or for the brand (DESIGN §7)."""
    words, official = _letters(name), _letters(support)
    joined = "".join(words)
    return (
        _OFFICIAL.fullmatch(joined) is not None
        or joined in ("".join(official), "".join(_letters(brand)))
        or f" {' '.join(official)} " in f" {' '.join(words)} "
    )


def _letters(name: str) -> list[str]:
    """The words of a name as an eye in a hurry reads them: no accents, no case, no look-alikes."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return re.findall(r"[^\W_]+", plain.casefold().translate(_LOOKALIKES))


def _official_names() -> re.Pattern[str]:
    """Names that are made of such words alone, in the languages that mails speak; "Arch Support Insoles" is a shop."""
    words = """
        support team customer service help desk care staff official platform the our
        soporte atención cliente equipo servicio ayuda oficial plataforma
        assistance client clientèle équipe aide officiel
        kunden kundendienst kundenservice kundenbetreuung kundensupport hilfe offiziell
        suporte apoio atendimento equipa
        wsparcie pomoc obsługa klienta zespół
        サポート カスタマー チーム お客様 窓口 センター 公式
        客服 支持 客户 服务 团队 官方 中心
        الدعم دعم الفني خدمة العملاء فريق المساعدة
    """
    word = "|".join("".join(_letters(one)) for one in words.split())
    return re.compile(f"(?:{word})(?:(?:al|de|del|du|la|ao|do|of)?(?:{word}))*")


_OFFICIAL = _official_names()
