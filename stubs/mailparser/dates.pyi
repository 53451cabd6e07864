from datetime import datetime

class DateResult:
    value: datetime | None
    reasons: tuple[str, ...]

def parse_mail_date(raw: str | None) -> DateResult: ...
